#include "score/answer_filters.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <rapidcheck.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/error.h"

namespace loco {
namespace {

using enum FilterKind;

std::string Applied(const std::vector<Filter>& filters, std::string_view text) {
  const FilteredAnswer answer = AnswerFilters(filters).Apply(text);
  return answer.parsed ? answer.text : "unparsed";
}

std::string ErrorOf(const std::vector<Filter>& filters) {
  try {
    const AnswerFilters compiled(filters);
  } catch (const Error& error) {
    CHECK(!error.hint().empty());
    return error.what();
  }
  return "";
}

TEST_CASE("the first or the last match is selected, by its first group where it has one") {
  const std::string text = "A: 1, A: 22, A: 333.";
  CHECK(Applied({{.kind = kFirstMatch, .patterns = {R"(A: (\d+))"}}}, text) == "1");
  CHECK(Applied({{.kind = kLastMatch, .patterns = {R"(A: (\d+))"}}}, text) == "333");
  CHECK(Applied({{.kind = kLastMatch, .patterns = {R"(\d+)"}}}, text) == "333");
  CHECK(Applied({{.kind = kLastMatch, .patterns = {R"((A): (\d+))"}, .group = 2}}, text) == "333");
  CHECK(Applied({{.kind = kLastMatch, .patterns = {R"((A): (\d+))"}, .group = 0}}, text) == "A: 333");
  CHECK(Applied({{.kind = kFirstMatch, .patterns = {"B"}}}, text) == "unparsed");
  CHECK(Applied({{.kind = kFirstMatch, .patterns = {"B"}, .optional = true}}, text) == text);
  CHECK(Applied({{.kind = kFirstMatch, .patterns = {"(B)?A"}}}, text) == "unparsed");  // its group took no part
  CHECK(Applied({{.kind = kLastMatch, .patterns = {"x*"}}}, "axxb").empty());          // the empty match at the end
}

TEST_CASE("patterns are tried in order, and the audit tells which one fired") {
  const AnswerFilters filters({{.kind = kStripThinking},
                               {.kind = kLastMatch, .patterns = {"answer is (.+)", "A: (.+)", R"(\d+)"}},
                               {.kind = kPlainNumber}});
  const FilteredAnswer second = filters.Apply("<think>answer is 1</think>A: $1,234");
  CHECK(second.text == "1234");
  REQUIRE(second.steps.size() == 3);
  CHECK(second.steps[0].matched);
  CHECK(second.steps[1].pattern == 1);
  CHECK(second.steps[2].matched);
  const FilteredAnswer third = filters.Apply("so 7 it is");
  CHECK(third.text == "7");
  CHECK(!third.steps[0].matched);
  CHECK(third.steps[1].pattern == 2);
  CHECK(!third.steps[2].matched);
  const FilteredAnswer none = filters.Apply("seven");
  CHECK(!none.parsed);
  CHECK(none.steps.size() == 2);
  CHECK(!none.steps[1].matched);
  CHECK(!none.steps[1].pattern);
}

TEST_CASE("thinking is removed, closed or not, and also when its opening tag stands in the prompt") {
  const auto stripped = [](std::string text) {
    StripThinking(text);
    return text;
  };
  CHECK(stripped("<think>a</think>b") == "b");
  CHECK(stripped("a<think>b</think>c<think>d</think>e") == "ace");
  CHECK(stripped("a<think>b") == "a");
  CHECK(stripped("<think>a <think> b</think>c") == "c");
  CHECK(stripped("a</think>b") == "b");
  CHECK(stripped("<think>a</think>b</think>c") == "c");
  CHECK(stripped("x<think>a</think>b</think>c") == "c");  // the second tag closes what the prompt opened
  CHECK(stripped("a < b <thin </think") == "a < b <thin </think");
  CHECK(stripped("").empty());
}

TEST_CASE("fences are removed and what they hold stays") {
  const auto stripped = [](std::string text) {
    StripFences(text);
    return text;
  };
  CHECK(stripped("```json\n{\"a\": 1}\n```\n") == "{\"a\": 1}\n");
  CHECK(stripped("so:\n  ```\n42\n  ```") == "so:\n42\n");
  CHECK(stripped("~~~~\nx\n~~~~") == "x\n");
  CHECK(stripped("```42```") == "42");
  CHECK(stripped("a ``` b") == "a ``` b");
  CHECK(stripped("``\nx") == "``\nx");
  CHECK(stripped("```").empty());
  CHECK(stripped("\n\n") == "\n\n");
}

TEST_CASE("the last line is the last one that is not blank") {
  CHECK(Applied({{.kind = kLastLine}}, "a\n b \n\n  \n") == "b");
  CHECK(Applied({{.kind = kLastLine}}, "a\r\nb\r\n") == "b");
  CHECK(Applied({{.kind = kLastLine}}, "a") == "a");
  CHECK(Applied({{.kind = kLastLine}}, " \n ") == "unparsed");
}

TEST_CASE("a number loses its currency and the commas of thousands, and no other comma") {
  const auto plain = [](const char* text) { return Applied({{.kind = kPlainNumber}}, text); };
  CHECK(plain("$1,234,567.50") == "1234567.50");
  CHECK(plain("€12 or £3,000") == "12 or 3000");
  CHECK(plain("1,2 and 3,45 and 1,2345") == "1,2 and 3,45 and 1,2345");
  CHECK(plain(",123 a,123") == ",123 a,123");
  CHECK(plain("\xe2\x82") == "\xe2\x82");  // half a euro sign
}

TEST_CASE("a table gives the text that a text stands for") {
  const std::vector<Filter> filters{{.kind = kLower},
                                    {.kind = kMap, .table = {{"y", "yes"}, {"yes", "yes"}, {"n", "no"}}}};
  CHECK(Applied(filters, " Y\n") == "yes");
  CHECK(Applied(filters, "N") == "no");
  CHECK(Applied(filters, "maybe") == "unparsed");
  CHECK(Applied({{.kind = kMap, .table = {{"y", "yes"}}, .optional = true}}, " n ") == " n ");
}

TEST_CASE("what cannot be a filter is refused with the step that is wrong") {
  CHECK(ErrorOf({{.kind = kTrim}, {.kind = kLastMatch, .patterns = {"a", "("}}}).find("filter 2 (last_match): '('") !=
        std::string::npos);
  CHECK(ErrorOf({{.kind = kFirstMatch}}).find("no pattern") != std::string::npos);
  CHECK(ErrorOf({{.kind = kFirstMatch, .patterns = {"(a)"}, .group = 2}}).find("no group 2") != std::string::npos);
  CHECK(ErrorOf({{.kind = kFirstMatch, .patterns = {"(a)"}, .group = -1}}).find("no group -1") != std::string::npos);
  CHECK(ErrorOf({{.kind = kMap}}).find("table is empty") != std::string::npos);
  CHECK(ErrorOf({{.kind = kLastLine}}).empty());
}

TEST_CASE("every kind of filter has a name that finds it") {
  CHECK(FilterNames().size() == 9);
  for (const std::string& name : FilterNames()) CHECK(FilterName(*FindFilterKind(name)) == name);
  CHECK(!FindFilterKind("regex"));
}

TEST_CASE("the most frequent answer wins, and ties are told") {
  using Samples = std::vector<std::optional<std::string>>;
  const Vote vote = CountVotes(Samples{"a", "b", std::nullopt, "b", "c", "b"});
  CHECK(vote.leaders == std::vector<std::string>{"b"});
  CHECK(vote.votes == 3);
  CHECK(vote.cast == 5);
  CHECK(vote.samples == 6);
  CHECK(!vote.majority());
  CHECK(CountVotes(Samples{"a", "b", "a"}).majority());
  const Vote tie = CountVotes(Samples{"b", "a", "c", "a", "b"});
  CHECK(tie.tied());
  CHECK(tie.leaders == std::vector<std::string>{"b", "a"});
  CHECK(CountVotes(Samples{std::nullopt}).leaders.empty());
  CHECK(CountVotes(Samples{}).votes == 0);
}

TEST_CASE("a vote does not depend on the order of the samples, and no answer has more votes than a leader") {
  CHECK(rc::check("votes", [] {
    const auto numbers = *rc::gen::container<std::vector<int>>(rc::gen::inRange(-1, 4));
    std::vector<std::optional<std::string>> samples;
    for (const int n : numbers) samples.push_back(n < 0 ? std::nullopt : std::optional(std::to_string(n)));
    Vote vote = CountVotes(samples);
    for (int n = 0; n < 4; ++n) {
      const auto count = std::count(numbers.begin(), numbers.end(), n);
      const auto& leaders = vote.leaders;
      const bool leads = std::find(leaders.begin(), leaders.end(), std::to_string(n)) != leaders.end();
      RC_ASSERT(count <= vote.votes);
      RC_ASSERT(leads == (count > 0 && count == vote.votes));
    }
    std::reverse(samples.begin(), samples.end());
    Vote reversed = CountVotes(samples);
    std::sort(vote.leaders.begin(), vote.leaders.end());
    std::sort(reversed.leaders.begin(), reversed.leaders.end());
    RC_ASSERT(vote.leaders == reversed.leaders);
    RC_ASSERT(vote.votes == reversed.votes);
  }));
}

TEST_CASE("steps in one list do what they do one list after another") {
  CHECK(rc::check("composition", [] {
    const auto pieces = *rc::gen::container<std::vector<std::string>>(
        rc::gen::element<std::string>("<think>", "</think>", "A: ", "$1,234", "\n", "```", "x", "\xff", " ", "7"));
    std::string text;
    for (const std::string& piece : pieces) text += piece;
    const std::vector<Filter> all{{.kind = kStripThinking},
                                  {.kind = kStripFences},
                                  {.kind = kLastMatch, .patterns = {"A: (.*)"}, .optional = true},
                                  {.kind = kLastLine},
                                  {.kind = kPlainNumber}};
    const FilteredAnswer together = AnswerFilters(all).Apply(text);
    FilteredAnswer apart{.text = text};
    size_t steps = 0;
    for (const Filter& filter : all) {
      apart = AnswerFilters({filter}).Apply(apart.text);
      RC_ASSERT(apart.steps[0].matched == together.steps[steps].matched);
      ++steps;
      if (!apart.parsed) break;
    }
    RC_ASSERT(together.parsed == apart.parsed);
    RC_ASSERT(together.text == apart.text);
    RC_ASSERT(together.steps.size() == steps);
    RC_ASSERT(together.text.size() <= text.size());
  }));
}

TEST_CASE("what is visible is what was written outside the thinking") {
  CHECK(rc::check("thinking", [](const std::vector<std::pair<uint8_t, bool>>& parts) {
    std::string text;
    std::string visible;
    for (const auto& [letter, thought] : parts) {
      const std::string piece(letter % 5, static_cast<char>('a' + letter % 26));
      text += thought ? "<think>" + piece + "</think>" : piece;
      if (!thought) visible += piece;
    }
    std::string stripped = text;
    RC_ASSERT(StripThinking(stripped) == (text.find("<think>") != std::string::npos));
    RC_ASSERT(stripped == visible);
    std::string cut = text + "<think>" + text;  // cut while thinking; the second text closes it where it first can
    StripThinking(cut);
    RC_ASSERT(cut.find("<think>") == std::string::npos);
  }));
}

TEST_CASE("the last number of a text is found wherever it stands, and its plain form is the number") {
  CHECK(rc::check("numbers", [](const std::vector<uint32_t>& numbers, const std::string& noise) {
    std::string words;
    for (const char c : noise) words += (c >= '0' && c <= '9') ? '_' : c;
    std::string text = words;
    for (const uint32_t number : numbers) {
      std::string grouped = std::to_string(number);
      for (size_t at = grouped.size(); at > 3; at -= 3) grouped.insert(at - 3, ",");
      text += " $" + grouped + " " + words;
    }
    const std::string read =
        Applied({{.kind = kLastMatch, .patterns = {R"(\$([\d,]*\d))"}}, {.kind = kPlainNumber}}, text);
    RC_ASSERT(read == (numbers.empty() ? "unparsed" : std::to_string(numbers.back())));
    const std::string first =
        Applied({{.kind = kFirstMatch, .patterns = {R"(\$([\d,]*\d))"}}, {.kind = kPlainNumber}}, text);
    RC_ASSERT(first == (numbers.empty() ? "unparsed" : std::to_string(numbers.front())));
  }));
}

TEST_CASE("a last match is sought in the last 32 KiB of a longer answer") {
  const std::vector<Filter> filters{{.kind = kLastMatch, .patterns = {"A: (\\d)"}}};
  CHECK(Applied(filters, "A: 1" + std::string(kLastMatchBytes - 4, ' ')) == "1");
  CHECK(Applied(filters, "A: 1" + std::string(kLastMatchBytes - 3, ' ')) == "unparsed");
  CHECK(Applied({{.kind = kFirstMatch, .patterns = {"A: (\\d)"}}}, std::string(3'000'000, ' ') + "A: 1") == "1");
}

TEST_CASE("megabytes of hostile text are filtered") {
  const AnswerFilters filters({{.kind = kStripThinking},
                               {.kind = kStripFences},
                               {.kind = kPlainNumber},
                               {.kind = kLower},
                               {.kind = kLastMatch, .patterns = {"x{3,5}y", "[^b]"}, .optional = true}});
  for (const char* piece : {"<think>", "</think>", "```", "```\n", "1,234", "$", "a", "\xff", "<", "\n", "~~~x~~~\n"}) {
    std::string text;
    while (text.size() < 2'000'000) text += piece;
    CAPTURE(piece);
    CHECK(filters.Apply(text).steps.size() == 5);
  }
  CHECK(filters.Apply(std::string(2'000'000, '\0')).text == std::string(1, '\0'));
  // Every match of this pattern first looks for a q in all the rest of the line.
  CHECK(Applied({{.kind = kLastMatch, .patterns = {".*q|."}}}, std::string(2'000'000, 'a') + "b") == "b");
}

}  // namespace
}  // namespace loco
