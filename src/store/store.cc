#include "store/store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "store/columns.h"
#include "store/schema.h"
#include "store/sqlite.h"

namespace loco {
namespace {

using sqlite::Connection;
using sqlite::Query;
using sqlite::Transaction;

constexpr int64_t kApplicationId = 0x4C4F434F;  // "LOCO": tells our files from other SQLite databases

// migrations[i] brings a store of version i to version i + 1. Never edit one that was released: append.
constexpr std::array<const char*, 4> kMigrations = {kSchemaSql, kSchema2Sql, kSchema3Sql, kSchema4Sql};
constexpr int64_t kVersion = kMigrations.size();

constexpr std::array<const char*, 13> kAppendOnlyTables = {
    "model",       "machine",  "task",    "run",      "answer",       "mark",   "fit",
    "measurement", "evidence", "verdict", "decision", "decision_row", "adapter"};

int64_t Pragma(Connection& connection, const char* name) {
  Query query(connection, fmt::format("PRAGMA {}", name).c_str());
  return query.Next() ? query.Integer() : 0;
}

bool HasTables(Connection& connection) {
  Query query(connection, "SELECT count(*) FROM sqlite_schema");
  return query.Next() && query.Integer() > 0;
}

void CheckIdentity(Connection& connection) {
  if (HasTables(connection) && Pragma(connection, "application_id") != kApplicationId) {
    throw Error(fmt::format("{}: a SQLite database, but not a LocoLLM store", connection.path()),
                "choose another file with --store");
  }
  const int64_t version = Pragma(connection, "user_version");
  if (version > kVersion) {
    throw Error(fmt::format("{}: the store has version {}, this program knows versions up to {}", connection.path(),
                            version, kVersion),
                "use the newer loco that wrote it, or choose another file with --store");
  }
}

void Migrate(Connection& connection) {
  if (Pragma(connection, "user_version") == kVersion) return;
  Transaction transaction(connection);
  // Read again under the lock: another process may have migrated in the meantime.
  for (int64_t version = Pragma(connection, "user_version"); version < kVersion; ++version) {
    connection.Execute(kMigrations[static_cast<size_t>(version)]);
  }
  for (const char* table : kAppendOnlyTables) {
    for (const char* action : {"UPDATE", "DELETE"}) {
      connection.Execute(
          fmt::format("CREATE TRIGGER IF NOT EXISTS {0}_no_{1} BEFORE {1} ON {0} BEGIN "
                      "SELECT RAISE(ABORT, 'rows of {0} are append-only'); END",
                      table, action));
    }
  }
  connection.Execute(fmt::format("PRAGMA application_id = {}", kApplicationId));
  connection.Execute(fmt::format("PRAGMA user_version = {}", kVersion));
  transaction.Commit();
}

// Rows of which `column` is `value`, oldest first.
template <typename Row, typename Value>
std::vector<Row> Where(Connection& connection, const char* column, const Value& value) {
  const char* table = Columns<Row>::kTable;
  Query query(
      connection,
      fmt::format("SELECT {0} FROM {1} WHERE {2} = ? ORDER BY {1}.id", Columns<Row>::kNames, table, column).c_str());
  query.Bind(value);
  std::vector<Row> rows;
  while (query.Next()) rows.push_back(Columns<Row>::Read(query));
  return rows;
}

template <typename Row, typename Value>
std::optional<Row> First(Connection& connection, const char* column, const Value& value) {
  std::vector<Row> rows = Where<Row>(connection, column, value);
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

// The whole table, oldest first.
template <typename Row>
std::vector<Row> All(Connection& connection) {
  Query query(connection,
              fmt::format("SELECT {} FROM {} ORDER BY id", Columns<Row>::kNames, Columns<Row>::kTable).c_str());
  std::vector<Row> rows;
  while (query.Next()) rows.push_back(Columns<Row>::Read(query));
  return rows;
}

}  // namespace

struct Store::State {
  State(const Path& file, bool read_only, const Clock& the_clock)
      : path(file), connection(file.string(), read_only), clock(the_clock) {}

  RowId IdByKey(const char* table, const char* column, const std::string& key) {
    Query query(connection, fmt::format("SELECT id FROM {} WHERE {} = ?", table, column).c_str());
    query.Bind(key);
    return query.Next() ? query.Integer() : 0;
  }

  Path path;
  Connection connection;
  const Clock& clock;
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Store Store::Open(const Path& path, const Clock& clock) {
  if (path != ":memory:" && path.has_parent_path()) {
    std::error_code code;
    std::filesystem::create_directories(path.parent_path(), code);
    if (code) {
      throw Error(fmt::format("{}: cannot create the folder: {}", path.parent_path().string(), code.message()),
                  "choose a writable place with --store");
    }
  }
  auto state = std::make_unique<State>(path, false, clock);
  CheckIdentity(state->connection);
  // A committed item survives a kill of the process at any moment. Power loss may take the last few items (they are
  // then simply done again) but never damages the file; FULL would cost one disk flush an item.
  state->connection.Execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
      // A small log: on a nearly full disk it must not take more than the rows themselves.
      "PRAGMA wal_autocheckpoint = 200");
  // Foreign keys are off meanwhile, as they are by default: a migration may write a table anew.
  Migrate(state->connection);
  state->connection.Execute("PRAGMA foreign_keys = ON");
  return Store(std::move(state));
}

Store Store::OpenReadOnly(const Path& path, const Clock& clock) {
  if (!std::filesystem::exists(path)) {
    throw Error(fmt::format("{}: there is no store yet", path.string()),
                "run 'loco eval' or 'loco select' first, or name a store with --store");
  }
  auto state = std::make_unique<State>(path, true, clock);
  CheckIdentity(state->connection);
  if (Pragma(state->connection, "user_version") < kVersion)
    return Open(path, clock);  // an older store is brought up first
  return Store(std::move(state));
}

const Path& Store::path() const { return state_->path; }

RowId Store::AddModel(const ModelRow& row) {
  Query insert(
      state_->connection,
      "INSERT OR IGNORE INTO model (hash, name, architecture, quantization, parameters, file_bytes, facts, base_hash, "
      "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(row.hash).Bind(row.name).Bind(row.architecture).Bind(row.quantization).Bind(row.parameters);
  insert.Bind(static_cast<int64_t>(row.file_bytes.value)).Bind(row.facts);
  if (row.base_hash.empty()) {
    insert.BindNull();
  } else {
    insert.Bind(row.base_hash);
  }
  insert.Bind(state_->clock.Now()).Run();
  return state_->IdByKey("model", "hash", row.hash);
}

RowId Store::AddMachine(const MachineRow& row) {
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO machine (fingerprint, processor, cores, memory_bytes, system, created_at) "
               "VALUES (?, ?, ?, ?, ?, ?)");
  insert.Bind(row.fingerprint)
      .Bind(row.processor)
      .Bind(int64_t{row.cores})
      .Bind(static_cast<int64_t>(row.memory.value));
  insert.Bind(row.system).Bind(state_->clock.Now()).Run();
  return state_->IdByKey("machine", "fingerprint", row.fingerprint);
}

RowId Store::AddTask(const TaskRow& row) {
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO task (hash, name, scorer, items, created_at) VALUES (?, ?, ?, ?, ?)");
  insert.Bind(row.hash).Bind(row.name).Bind(row.scorer).Bind(row.items).Bind(state_->clock.Now()).Run();
  return state_->IdByKey("task", "hash", row.hash);
}

RowId Store::AddRun(const RunRow& row) {
  Query insert(
      state_->connection,
      "INSERT OR IGNORE INTO run (key, model_id, task_id, engine, template_hash, sampler, settings, items, created_at, "
      "adapter_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0))");
  insert.Bind(row.key).Bind(row.model_id).Bind(row.task_id).Bind(row.engine).Bind(row.template_hash).Bind(row.sampler);
  insert.Bind(row.settings).Bind(row.items).Bind(state_->clock.Now()).Bind(row.adapter_id).Run();
  return state_->IdByKey("run", "key", row.key);
}

RowId Store::AddAdapter(const AdapterRow& row) {
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO adapter (key, model_id, machine_id, name, hash, data, data_hash, recipe, result, "
               "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(row.key).Bind(row.model_id).Bind(row.machine_id).Bind(row.name).Bind(row.hash).Bind(row.data);
  insert.Bind(row.data_hash).Bind(row.recipe).Bind(row.result).Bind(state_->clock.Now()).Run();
  return state_->IdByKey("adapter", "key", row.key);
}

RowId Store::AddMeasurement(const MeasurementRow& row) {
  Query insert(state_->connection,
               "INSERT INTO measurement (key, model_id, machine_id, kind, engine, result, created_at) VALUES (?, ?, ?, "
               "?, ?, ?, ?)");
  insert.Bind(row.key).Bind(row.model_id).Bind(row.machine_id).Bind(row.kind).Bind(row.engine).Bind(row.result);
  insert.Bind(state_->clock.Now()).Run();
  return state_->connection.LastInsertedId();
}

RowId Store::AddFit(const FitRow& row) {
  Query insert(state_->connection, "INSERT OR IGNORE INTO fit (key, model_id, result, created_at) VALUES (?, ?, ?, ?)");
  insert.Bind(row.key).Bind(row.model_id).Bind(row.result).Bind(state_->clock.Now()).Run();
  return state_->IdByKey("fit", "key", row.key);
}

RowId Store::AddEvidence(const EvidenceRow& row) {
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO evidence (key, candidate, what, row, created_at) VALUES (?, ?, ?, ?, ?)");
  insert.Bind(row.key).Bind(row.candidate).Bind(row.what).Bind(row.row).Bind(state_->clock.Now()).Run();
  return state_->IdByKey("evidence", "key", row.key);
}

RowId Store::AddVerdict(const VerdictRow& row) {
  Query insert(
      state_->connection,
      "INSERT OR IGNORE INTO verdict (key, candidate, rule, outcome, result, created_at) VALUES (?, ?, ?, ?, ?, ?)");
  insert.Bind(row.key)
      .Bind(row.candidate)
      .Bind(row.rule)
      .Bind(row.outcome)
      .Bind(row.result)
      .Bind(state_->clock.Now())
      .Run();
  return state_->IdByKey("verdict", "key", row.key);
}

RowId Store::AddDecision(const DecisionRow& row, const std::vector<RowRef>& rests_on) {
  Transaction transaction(state_->connection);
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO decision (key, policy, policy_hash, record, created_at) VALUES (?, ?, ?, ?, ?)");
  insert.Bind(row.key).Bind(row.policy).Bind(row.policy_hash).Bind(row.record).Bind(state_->clock.Now()).Run();
  const RowId id = state_->IdByKey("decision", "key", row.key);
  for (const RowRef& ref : rests_on) {
    Query link(state_->connection, "INSERT OR IGNORE INTO decision_row (decision_id, kind, row_id) VALUES (?, ?, ?)");
    link.Bind(id).Bind(ref.kind).Bind(ref.id).Run();
  }
  transaction.Commit();
  return id;
}

bool Store::AddAnswer(const AnswerRow& answer, const std::optional<MarkRow>& mark) {
  Transaction transaction(state_->connection);
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO answer (run_id, item, sample, prompt_hash, prompt_tokens, text, thinking, "
               "finish, generated_tokens, thinking_tokens, seconds, detail, created_at) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.Bind(answer.run_id).Bind(answer.item).Bind(answer.sample).Bind(answer.prompt_hash).Bind(answer.prompt_tokens);
  insert.Bind(answer.text).Bind(answer.thinking).Bind(FinishName(answer.finish)).Bind(answer.generated_tokens);
  insert.Bind(answer.thinking_tokens).Bind(answer.seconds).Bind(answer.detail);
  if (insert.Bind(state_->clock.Now()).Run() == 0) return false;
  if (mark) {
    MarkRow own = *mark;
    own.answer_id = state_->connection.LastInsertedId();
    AddMark(own);
  }
  transaction.Commit();
  return true;
}

void Store::AddMark(const MarkRow& mark) {
  LOCO_CHECK(mark.outcome != Outcome::kNotRun);
  Query insert(state_->connection,
               "INSERT OR IGNORE INTO mark (answer_id, scorer, outcome, extracted, value) VALUES (?, ?, ?, ?, ?)");
  insert.Bind(mark.answer_id).Bind(mark.scorer).Bind(OutcomeName(mark.outcome)).Bind(mark.extracted);
  if (mark.value) {
    insert.Bind(*mark.value);
  } else {
    insert.BindNull();
  }
  insert.Run();
}

std::optional<ModelRow> Store::FindModel(RowId id) const { return First<ModelRow>(state_->connection, "id", id); }
std::optional<ModelRow> Store::FindModelByHash(const std::string& hash) const {
  return First<ModelRow>(state_->connection, "hash", hash);
}
std::optional<MachineRow> Store::FindMachine(RowId id) const { return First<MachineRow>(state_->connection, "id", id); }
std::optional<TaskRow> Store::FindTask(RowId id) const { return First<TaskRow>(state_->connection, "id", id); }
std::optional<RunRow> Store::FindRun(RowId id) const { return First<RunRow>(state_->connection, "id", id); }
std::optional<AdapterRow> Store::FindAdapter(RowId id) const { return First<AdapterRow>(state_->connection, "id", id); }
std::optional<AdapterRow> Store::FindAdapterByKey(const std::string& key) const {
  return First<AdapterRow>(state_->connection, "key", key);
}
std::optional<AdapterRow> Store::FindAdapterByHash(const std::string& hash) const {
  return First<AdapterRow>(state_->connection, "hash", hash);
}
std::optional<AnswerRow> Store::FindAnswer(RowId id) const { return First<AnswerRow>(state_->connection, "id", id); }
std::optional<MeasurementRow> Store::FindMeasurement(RowId id) const {
  return First<MeasurementRow>(state_->connection, "id", id);
}
std::optional<FitRow> Store::FindFit(RowId id) const { return First<FitRow>(state_->connection, "id", id); }
std::optional<EvidenceRow> Store::FindEvidence(RowId id) const {
  return First<EvidenceRow>(state_->connection, "id", id);
}
std::optional<VerdictRow> Store::FindVerdict(RowId id) const { return First<VerdictRow>(state_->connection, "id", id); }
std::optional<DecisionRow> Store::FindDecision(RowId id) const {
  return First<DecisionRow>(state_->connection, "id", id);
}

std::vector<ModelRow> Store::Models() const { return All<ModelRow>(state_->connection); }
std::vector<RunRow> Store::Runs() const { return All<RunRow>(state_->connection); }
std::vector<DecisionRow> Store::Decisions() const { return All<DecisionRow>(state_->connection); }
std::vector<MeasurementRow> Store::MeasurementsByKey(const std::string& key) const {
  return Where<MeasurementRow>(state_->connection, "key", key);
}
std::vector<MarkRow> Store::MarksOfAnswer(RowId answer_id) const {
  return Where<MarkRow>(state_->connection, "answer_id", answer_id);
}

std::vector<RowRef> Store::RowsOfDecision(RowId decision_id) const {
  Query query(state_->connection, "SELECT kind, row_id FROM decision_row WHERE decision_id = ? ORDER BY kind, row_id");
  query.Bind(decision_id);
  std::vector<RowRef> refs;
  while (query.Next()) {
    RowRef ref;
    ref.kind = query.Text();
    ref.id = query.Integer();
    refs.push_back(ref);
  }
  return refs;
}

std::set<AnswerPlace> Store::AnsweredItems(RowId run_id) const {
  Query query(state_->connection, "SELECT item, sample FROM answer WHERE run_id = ?");
  query.Bind(run_id);
  std::set<AnswerPlace> places;
  while (query.Next()) {
    std::string item = query.Text();
    places.insert({std::move(item), query.Integer()});
  }
  return places;
}

int64_t Store::CountAnswers(RowId run_id) const {
  Query query(state_->connection, "SELECT count(*) FROM answer WHERE run_id = ?");
  return query.Bind(run_id).Next() ? query.Integer() : 0;
}

std::vector<MarkedAnswer> Store::Answers(RowId run_id, const std::string& scorer) const {
  Query query(state_->connection,
              fmt::format("SELECT {}, mark.id IS NOT NULL, {} FROM answer LEFT JOIN mark ON mark.answer_id = answer.id "
                          "AND scorer = ? WHERE run_id = ? ORDER BY item, sample",
                          Columns<AnswerRow>::kNames, Columns<MarkRow>::kNames)
                  .c_str());
  query.Bind(scorer).Bind(run_id);
  std::vector<MarkedAnswer> rows;
  while (query.Next()) {
    MarkedAnswer row;
    row.answer = Columns<AnswerRow>::Read(query);
    if (query.Integer() != 0) {
      row.mark = Columns<MarkRow>::Read(query);
    } else {
      row.mark = {.answer_id = row.answer.id, .scorer = scorer, .outcome = Outcome::kNotRun};
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<AnswerRow> Store::UnmarkedAnswers(RowId run_id, const std::string& scorer) const {
  Query query(state_->connection,
              fmt::format("SELECT {} FROM answer WHERE run_id = ? AND NOT EXISTS "
                          "(SELECT 1 FROM mark WHERE answer_id = answer.id AND scorer = ?) ORDER BY item, sample",
                          Columns<AnswerRow>::kNames)
                  .c_str());
  query.Bind(run_id).Bind(scorer);
  std::vector<AnswerRow> rows;
  while (query.Next()) rows.push_back(Columns<AnswerRow>::Read(query));
  return rows;
}

std::unique_ptr<FileLock> Store::LockWork(const std::string& key, const std::function<void()>& waiting) const {
  if (path() == ":memory:") return nullptr;
  auto lock = std::make_unique<FileLock>(path().string() + "-locks/" + key.substr(0, 24));
  lock->Wait(waiting);
  return lock;
}

std::string Store::HashOfFile(const Path& file) {
  struct stat status {};
  const std::string path = std::filesystem::absolute(file).lexically_normal().string();
  if (::stat(path.c_str(), &status) != 0) return Sha256OfFile(file);  // throws with the reason
  // The time of the last change and not of the last write: copying tools set the latter back.
  const int64_t modified_ns = int64_t{status.st_ctim.tv_sec} * 1000000000 + status.st_ctim.tv_nsec;
  {
    Query query(state_->connection, "SELECT hash FROM file_seen WHERE path = ? AND bytes = ? AND modified_ns = ?");
    query.Bind(path).Bind(int64_t{status.st_size}).Bind(modified_ns);
    if (query.Next()) return query.Text();
  }
  const std::string hash = Sha256OfFile(file);
  Query insert(state_->connection,
               "INSERT OR REPLACE INTO file_seen (path, bytes, modified_ns, hash) VALUES (?, ?, ?, ?)");
  insert.Bind(path).Bind(int64_t{status.st_size}).Bind(modified_ns).Bind(hash).Run();
  return hash;
}

}  // namespace loco
