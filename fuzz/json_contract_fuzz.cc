// Fuzz target of JSON contracts. The input is three texts with a zero byte between them: the contract, the case, and
// what a model answered. No input may crash or hang; nothing that is unparsed has a good verdict; an answer that is the
// expected one matches.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "score/json_contract.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loco;
  std::string parts[3];
  size_t part = 0;
  for (size_t i = 0; i < size; ++i) {
    if (data[i] == 0 && part < 2) {
      ++part;
    } else {
      parts[part] += static_cast<char>(data[i]);
    }
  }
  std::vector<SchemaProblem> problems;
  JsonContract contract;
  if (const StrictJson json = ParseStrictJson(parts[0]); json.valid) contract = ReadJsonContract(json.value, problems);
  JsonCase item;
  if (const StrictJson json = ParseStrictJson(parts[1]); json.valid)
    item = ReadJsonCase(json.value, contract, problems);
  for (const SchemaProblem& problem : problems) LOCO_CHECK(!problem.message.empty());
  if (!problems.empty()) {
    contract = {};
    item = {};
  }
  const JsonVerdict verdict = ScoreJson(contract, item, {.text = parts[2]});
  LOCO_CHECK(verdict.syntax_valid != verdict.unparsed);
  LOCO_CHECK(verdict.syntax_valid || (!verdict.schema_valid && !verdict.command_match && !verdict.exact_match &&
                                      !verdict.safe && !verdict.gratuitous && !verdict.reason.empty()));
  LOCO_CHECK(verdict.schema_valid || !verdict.reason.empty());
  LOCO_CHECK(!verdict.exact_match || verdict.command_match);
  LOCO_CHECK(!verdict.safe || verdict.forbidden.empty());

  nlohmann::json expected = item.fields;
  if (expected.is_null()) expected = nlohmann::json::object();
  expected[contract.commands] = item.commands;
  const std::string answer = expected.dump();
  const JsonVerdict own = ScoreJson(contract, item, {.text = answer});
  LOCO_CHECK(own.safe == own.forbidden.empty());
  LOCO_CHECK(own.exact_match && own.command_match && own.fields_match && !own.gratuitous);
  return 0;
}
