#include "train/checkpoint.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/hash.h"
#include "train/adapter.h"

namespace loco {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "loco-checkpoint/1";
constexpr size_t kHashDigits = 64;

// Calls work(values) for all halves of all pairs, in the file's order.
template <typename Adapters, typename Work>
void EachHalf(const Adapters& adapters, const Work& work) {
  for (auto* adapter : adapters) {
    for (auto& pair : adapter->pairs) {
      work(pair.a);
      work(pair.b);
    }
  }
}

}  // namespace

void WriteCheckpoint(const Path& path, const TrainingState& state, const Adapter& first_moment,
                     const Adapter& second_moment) {
  Json pairs = Json::array();
  for (const LoraPair& pair : state.adapter.pairs) {
    pairs.push_back({{"name", pair.name}, {"rows", pair.rows}, {"columns", pair.columns}});
  }
  Json history = Json::array();
  for (const StepRecord& r : state.history) {
    history.push_back({r.step, r.loss, r.gradient_norm, r.learning_rate, r.tokens, r.learned});
  }
  Json evaluations = Json::array();
  for (const EvaluationRecord& r : state.evaluations) evaluations.push_back({r.step, r.loss});
  const Json header = {{"format", kFormat},
                       {"identity", state.identity},
                       {"epoch", state.epoch},
                       {"next_pass", state.next_pass},
                       {"steps", state.steps},
                       {"seconds", state.seconds},
                       {"rank", state.adapter.rank},
                       {"scale", state.adapter.scale},
                       {"pairs", pairs},
                       {"history", history},
                       {"evaluations", evaluations}};
  AtomicFile file(path);
  Sha256 hash;
  const auto write = [&](std::string_view content) {
    hash.Update(content);
    file.Write(content);
  };
  write(header.dump() + "\n");
  EachHalf(std::array{&state.adapter, &first_moment, &second_moment}, [&](const std::vector<float>& values) {
    write({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  });
  file.Write(hash.Finish());
  file.Commit();
}

Checkpoint ReadCheckpoint(const Path& path) {
  const std::string content = ReadFile(path);
  const auto damaged = [&] {
    return Error(fmt::format("{}: the checkpoint is damaged", path.string()),
                 "begin anew with --force, or restore a copy of the file");
  };
  const size_t line = content.find('\n');
  if (line == std::string::npos || content.size() < line + 1 + kHashDigits) throw damaged();
  const std::string_view body(content.data(), content.size() - kHashDigits);
  if (Sha256Hex(body) != std::string_view(content).substr(body.size())) throw damaged();
  // The hash says that these are our own bytes, so their shape needs no further proof.
  const Json header = Json::parse(content.substr(0, line));
  if (header.at("format") != kFormat) {
    throw Error(fmt::format("{}: a checkpoint of another version", path.string()),
                "finish the run with the version that began it, or begin anew with --force");
  }
  Checkpoint checkpoint;
  TrainingState& state = checkpoint.state;
  state.identity = header.at("identity");
  state.epoch = header.at("epoch");
  state.next_pass = header.at("next_pass");
  state.steps = header.at("steps");
  state.seconds = header.at("seconds");
  for (const Json& r : header.at("history")) {
    state.history.push_back({r[0], r[1], r[2], r[3], r[4], r[5]});
  }
  for (const Json& r : header.at("evaluations")) state.evaluations.push_back({r[0], r[1]});
  state.adapter.rank = header.at("rank");
  state.adapter.scale = header.at("scale");
  for (const Json& p : header.at("pairs")) {
    LoraPair pair{.name = p.at("name"), .rows = p.at("rows"), .columns = p.at("columns")};
    pair.a.resize(static_cast<size_t>(state.adapter.rank * pair.columns));
    pair.b.resize(static_cast<size_t>(pair.rows * state.adapter.rank));
    state.adapter.pairs.push_back(std::move(pair));
  }
  checkpoint.first_moment = ZeroLike(state.adapter);
  checkpoint.second_moment = ZeroLike(state.adapter);
  size_t at = line + 1;
  const std::array adapters{&state.adapter, &checkpoint.first_moment, &checkpoint.second_moment};
  EachHalf(adapters, [&](std::vector<float>& values) {
    const size_t bytes = values.size() * sizeof(float);
    if (at + bytes > body.size()) throw damaged();
    std::memcpy(values.data(), content.data() + at, bytes);
    at += bytes;
  });
  if (at != body.size()) throw damaged();
  return checkpoint;
}

}  // namespace loco
