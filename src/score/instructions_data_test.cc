// Agreement with the verdicts of the paper's own program on real responses.
#include <doctest/doctest.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "base/file.h"
#include "score/instructions.h"

namespace loco {
namespace {

// Types whose verdicts rest on models that are not here: of sentences, of languages. The paper's program asks
// langdetect, which draws random numbers; on three of the four verdicts that differ, langdetect 1.0.9 asked 100 times
// gives both answers (English for 1813: 46 times, for 279: 76, for 3617 without its outer lines: 35), so that no
// program can agree with all. It leaves out words in capitals, so that it knows little of such texts. The fourth, 1843,
// it takes for Catalan: "coastal haven estates".
const std::set<std::string> kModelled = {"change_case:english_capital", "change_case:english_lowercase",
                                         "language:response_language", "length_constraints:number_sentences"};

struct Agreement {
  int verdicts = 0;
  int strict = 0;  // agreements
  int loose = 0;
};

TEST_CASE("the verdicts on published responses are those of the paper's program") {
  const char* shared = std::getenv("LOCO_SHARED");
  const Path file =
      Path(shared != nullptr ? shared : LOCO_SOURCE_DIR "/../shared") / "data/ifeval/verdicts_llama31_8b.jsonl";
  if (!std::filesystem::is_regular_file(file)) {
    MESSAGE("skipped: " << file.string() << " is not here");
    return;
  }
  std::map<std::string, Agreement> agreements;
  int random = 0;
  std::istringstream lines(ReadFile(file));
  for (std::string line; std::getline(lines, line);) {
    const auto item = nlohmann::json::parse(line);
    const std::string response = item.at("response");
    for (size_t i = 0; i < item.at("instruction_id_list").size(); ++i) {
      const Instruction instruction{item.at("instruction_id_list")[i], item.at("kwargs")[i]};
      CAPTURE(item.at("key").get<int>());
      CAPTURE(instruction.id);
      REQUIRE(FindInstructionProblems(instruction).empty());
      if (instruction.id == "keywords:letter_frequency" &&
          std::isalpha(static_cast<unsigned char>(instruction.arguments.at("letter").get<std::string>()[0])) == 0) {
        ++random;  // the paper's program draws a letter in place of what is none
        continue;
      }
      const bool strict = Follows(instruction, response) == item.at("strict")[i].get<bool>();
      const bool loose = FollowsLoosely(instruction, response) == item.at("loose")[i].get<bool>();
      Agreement& agreement = agreements[instruction.id];
      ++agreement.verdicts;
      agreement.strict += strict ? 1 : 0;
      agreement.loose += loose ? 1 : 0;
      if (kModelled.count(instruction.id) == 0) {
        CHECK(strict);
        CHECK(loose);
      } else if (!strict || !loose) {
        MESSAGE("key " << item.at("key").get<int>() << ", " << instruction.id
                       << std::string(strict ? "" : ", the strict verdict differs")
                       << std::string(loose ? "" : ", the loose verdict differs"));
      }
    }
  }
  CHECK(agreements.size() == InstructionIds().size());
  Agreement all;
  Agreement modelled;
  const auto add = [](Agreement& sum, const Agreement& part) {
    sum = {sum.verdicts + part.verdicts, sum.strict + part.strict, sum.loose + part.loose};
  };
  for (const auto& [id, agreement] : agreements) {
    MESSAGE(id << ": n " << agreement.verdicts << ", strict " << agreement.strict << ", loose " << agreement.loose);
    add(all, agreement);
    if (kModelled.count(id) != 0) add(modelled, agreement);
  }
  MESSAGE("all: n " << all.verdicts << ", strict " << all.strict << ", loose " << all.loose << "; left out as random "
                    << random);
  MESSAGE("of sentences and languages: n " << modelled.verdicts << ", strict " << modelled.strict << ", loose "
                                           << modelled.loose);
  CHECK(modelled.strict >= 0.97 * modelled.verdicts);
  CHECK(modelled.loose >= 0.97 * modelled.verdicts);
}

}  // namespace
}  // namespace loco
