#include "report/html.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <vector>

#include "base/file.h"
#include "report/json.h"
#include "report/markdown.h"
#include "report/report_fixture.h"
#include "report/svg.h"
#include "report/text.h"

namespace loco {
namespace {

// Every tag of the page, in order: "div", "/div" … Attribute values are skipped over as a browser does.
std::vector<std::string> TagsOf(const std::string& html) {
  std::vector<std::string> tags;
  for (size_t i = 0; i < html.size(); ++i) {
    if (html[i] != '<') continue;
    std::string name;
    size_t k = i + 1;
    while (k < html.size() && html[k] != ' ' && html[k] != '>' && html[k] != '\n') name += html[k++];
    char quote = 0;
    while (k < html.size() && (quote != 0 || html[k] != '>')) {
      if (quote == 0 && html[k] == '"')
        quote = '"';
      else if (html[k] == quote)
        quote = 0;
      ++k;
    }
    const bool closed = html[k - 1] == '/';
    tags.push_back(closed && name.back() != '/' ? name + "/" : name);
    i = k;
  }
  return tags;
}

void CheckBalanced(const std::string& html) {
  static const std::set<std::string> kVoid = {"!doctype", "meta", "br", "img", "line/", "circle/", "polyline/"};
  std::vector<std::string> open;
  for (const std::string& tag : TagsOf(html)) {
    if (kVoid.count(tag) > 0) continue;
    if (tag[0] != '/') {
      open.push_back(tag);
      continue;
    }
    REQUIRE(!open.empty());
    CHECK(open.back() == tag.substr(1));
    open.pop_back();
  }
  CHECK(open.empty());
}

}  // namespace

TEST_CASE("the page holds the answer, the plots, the reasons and the doubts") {
  const std::string html = DecisionHtml(
      SampleDecision(), {.date = "2026-11-21", .decision = "decision-7", .samples = {SampleAnswer("3 + 4")}});
  for (const char* part :
       {"<p class=\"name\">s Q4_K_M</p>", "not worse than the best", "<h2>Base scores</h2>", "<h2>Hard rules</h2>",
        "What is not known", "trainability", "<svg", "run-201", "<h2>Raw answers</h2>", "answer-12", "gemma"}) {
    CHECK_MESSAGE(html.find(part) != std::string::npos, part);
  }
  CheckBalanced(html);
}

TEST_CASE("learning curves are drawn for each tuned suite, one label a candidate, dashed for who left") {
  Decision decision = SampleDecision();
  const auto run = [](int64_t examples, uint64_t seed, std::optional<double> score) {
    return TuningRun{.task = "command " + kHostile,
                     .examples = examples,
                     .seed = seed,
                     .score = score,
                     .curve = {{0, 2.5}, {900, .8}, {1800, .4}}};
  };
  decision.candidates[0].tuning = Tuning{.runs = {run(200, 1, .5), run(200, 1, {})}, .dropped_after = 200};
  decision.candidates[1].tuning = Tuning{.runs = {run(200, 1, .4), run(400, 1, .7), run(400, 2, .71)}};
  const std::string html = DecisionHtml(decision, {});
  CheckBalanced(html);
  std::vector<std::string> lines;
  for (size_t at = html.find("<polyline"); at != std::string::npos; at = html.find("<polyline", at + 1)) {
    lines.push_back(html.substr(at, html.find('>', at) - at));
  }
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].find("curve dashed") != std::string::npos);
  CHECK(lines[1].find("dashed") == std::string::npos);
  CHECK(html.find(">1,000<") != std::string::npos);  // ticks at round numbers
  const size_t plot = html.find("aria-label=\"bits a byte");
  REQUIRE(plot != std::string::npos);
  const std::string picture = html.substr(plot, html.find("</svg>", plot) - plot);
  const std::string label = ">" + decision.candidates[1].id + "<";
  CHECK(picture.find(label) != std::string::npos);
  CHECK(picture.find(label) == picture.rfind(label));
}

TEST_CASE("the page allows no script, no network and no style but its own") {
  const std::string html = DecisionHtml(SampleDecision(), {});
  CHECK(html.find("default-src 'none'; style-src 'sha256-") != std::string::npos);
  CHECK(html.find("'unsafe-inline'") == std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find(" style=") == std::string::npos);
  CHECK(html.find("http://") == std::string::npos);
  CHECK(html.find("https://") == std::string::npos);
}

TEST_CASE("hostile text cannot leave its place, wherever it stands") {
  const std::string plain = DecisionHtml(SampleDecision(), {.samples = {SampleAnswer("x")}});
  const std::string html =
      DecisionHtml(HostileDecision(),
                   {.date = kHostile, .decision = kHostile, .program = kHostile, .samples = {SampleAnswer(kHostile)}});
  CheckBalanced(html);
  const std::vector<std::string> tags = TagsOf(html);
  for (const std::string& tag : tags) {
    CHECK(tag != "script");
    CHECK(tag != "img");
  }
  CHECK(std::count(tags.begin(), tags.end(), "style") == 1);
  CHECK(html.find("onerror=alert(1)>") == std::string::npos);
  CHECK(html.find('\x1b') == std::string::npos);
  CHECK(html.find('\a') == std::string::npos);
  CHECK(html.find("\u202e") == std::string::npos);
  CHECK(html.find('\xff') == std::string::npos);
  CHECK(!plain.empty());
}

TEST_CASE("pages without an answer say so, and are whole") {
  CheckBalanced(DecisionHtml(NobodyDecision(), {}));
  CheckBalanced(DecisionHtml(UnmeasuredDecision(), {}));
  CHECK(DecisionHtml(NobodyDecision(), {}).find("Nobody meets the policy") != std::string::npos);
  CHECK(DecisionHtml(UnmeasuredDecision(), {}).find("No decision") != std::string::npos);
}

TEST_CASE("the page of a normal study is small") {
  CHECK(DecisionHtml(SampleDecision(), {.samples = std::vector<AnswerSample>(60, SampleAnswer(std::string(400, 'x')))})
            .size() < 400'000);
}

TEST_CASE("a plot of one exact value, or of none, is still a plot, or nothing") {
  CHECK(Render(ForestPlot{}).empty());
  const std::string svg = Render(
      {.title = "t", .unit = "%", .rows = {{.label = "a", .value = 0, .interval = {0, 0}, .text = "0"}}, .guides = {}});
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
}

// For looking at pages: LOCO_WRITE_PAGES=FOLDER report_test
TEST_CASE("pages are written where they can be looked at") {
  const char* folder = std::getenv("LOCO_WRITE_PAGES");
  if (folder == nullptr) return;
  const std::vector<AnswerSample> samples{SampleAnswer("What is 86 + 9 - 19?"), SampleAnswer(kHostile)};
  WriteFileAtomically(
      Path(folder) / "sample.html",
      DecisionHtml(SampleDecision(),
                   {.date = "2026-11-21", .decision = "decision-7", .program = "loco 0.1.0", .samples = samples}));
  for (const auto& [name, decision] :
       {std::pair("sample", SampleDecision()), {"nobody", NobodyDecision()}, {"unmeasured", UnmeasuredDecision()}}) {
    WriteFileAtomically(
        Path(folder) / (std::string(name) + ".txt"),
        DecisionText(decision, {.width = 100}, {.decision = "decision-7", .files = {"a.md", "b.html"}}) +
            FilterText(decision, {.width = 100}));
    WriteFileAtomically(Path(folder) / (std::string(name) + ".md"), DecisionMarkdown(decision, {.date = "2026-11-21"}));
    WriteFileAtomically(Path(folder) / (std::string(name) + ".json"), DecisionJson(decision));
  }
  WriteFileAtomically(Path(folder) / "nobody.html", DecisionHtml(NobodyDecision(), {.date = "2026-11-21"}));
  WriteFileAtomically(Path(folder) / "hostile.html",
                      DecisionHtml(HostileDecision(), {.date = kHostile, .samples = samples}));
}

}  // namespace loco
