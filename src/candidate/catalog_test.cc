#include "candidate/catalog.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "candidate/evidence.h"

namespace loco {
namespace {

Path CatalogFolder() { return Path(LOCO_SOURCE_DIR) / "catalog"; }

std::vector<Diagnostic> Mistakes(std::string_view text) {
  Catalog catalog;
  std::vector<Diagnostic> mistakes;
  ParseCatalog(text, "test.toml", catalog, mistakes);
  return mistakes;
}

TEST_CASE("the shipped catalog has every model and every fact that was collected") {
  const Catalog catalog = LoadCatalog(CatalogFolder());
  CHECK(catalog.models.size() == 27);
  std::map<std::string, int> known;
  for (const CatalogModel& model : catalog.models) {
    CAPTURE(model.id);
    CHECK(!model.repository.empty());
    CHECK(!model.shape_source.text.empty());
    CHECK(model.shape_source.date == "2026-11-20");
    CHECK(!model.licence.source.text.empty());
    known["licence"] += !model.licence.id.empty();
    known["permissive stated"] += model.licence.permissive.has_value();
    known["permissive"] += model.licence.permissive.value_or(false);
    known["context"] += model.dims.context.has_value();
    known["parameters"] += model.parameters.has_value();
    known["sizes"] += model.sizes.kv_f16_4096.has_value();
    known["exact file"] += std::any_of(model.files.begin(), model.files.end(), [](const CatalogFile& file) {
      return file.quantization == "Q4_K_M" && file.bytes;
    });
    known["hash"] += std::any_of(model.files.begin(), model.files.end(),
                                 [](const CatalogFile& file) { return !file.sha256.empty(); });
    known["release"] += !model.release_date.empty();
    known["ollama"] += !model.ollama_tag.empty();
    known["instruct"] += model.instruct.value_or(false);
    known["template"] += !model.template_family.empty();
    known["languages"] += !model.languages.empty();
  }
  // Counted in the collection itself (2026-11-20): what is absent there must be unknown here, never filled in.
  CHECK(known["licence"] == 25);
  CHECK(known["permissive stated"] == 25);
  CHECK(known["permissive"] == 16);
  CHECK(known["context"] == 23);
  CHECK(known["parameters"] == 25);
  CHECK(known["sizes"] == 25);
  CHECK(known["exact file"] == 14);
  CHECK(known["hash"] == 8);
  CHECK(known["release"] == 21);
  CHECK(known["ollama"] == 22);
  CHECK(known["instruct"] == 25);
  CHECK(known["template"] == 27);
  CHECK(known["languages"] == 20);
}

TEST_CASE("a published file is never smaller than its tensors") {
  for (const CatalogModel& model : LoadCatalog(CatalogFolder()).models) {
    CAPTURE(model.id);
    for (const CatalogFile& file : model.files) {
      if (file.quantization != "Q4_K_M" || !file.bytes || !model.sizes.q4_k_m_tensors) continue;
      CHECK(*file.bytes > *model.sizes.q4_k_m_tensors);
      CHECK(file.bytes->value < model.sizes.q4_k_m_tensors->value + 10'000'000);  // and the header is small
    }
  }
}

TEST_CASE("an id that is not there suggests the nearest one") {
  const Catalog catalog = LoadCatalog(CatalogFolder());
  CHECK(catalog.Find("qwen3-4b") != nullptr);
  CHECK(catalog.Find("qwen3-5b") == nullptr);
  try {
    catalog.Get("qwen3-4bb");
    FAIL("found");
  } catch (const Error& error) {
    CHECK(error.hint().find("'qwen3-4b'") != std::string::npos);
  }
}

TEST_CASE("every mistake is reported with its place, and misspelt keys with the right one") {
  const std::string text =
      "collected = \"2026-11-20\"\n"
      "[[model]]\n"
      "id = \"a\"\n"
      "kindd = \"instruct\"\n"
      "[model.shape]\n"
      "layers = \"many\"\n"
      "hiden = 5\n"
      "[[model]]\n"
      "id = \"a\"\n"
      "instruct = 1\n"
      "[[model.file]]\n"
      "quantization = \"Q4_K_M\"\n"
      "sha256 = \"xyz\"\n"
      "[[model]]\n"
      "kind = \"x\"\n";
  const std::vector<Diagnostic> mistakes = Mistakes(text);
  const auto at = [&](size_t line, std::string_view part) {
    return std::any_of(mistakes.begin(), mistakes.end(), [&](const Diagnostic& mistake) {
      return mistake.line == line && mistake.message.find(part) != std::string::npos;
    });
  };
  CHECK(at(4, "unknown key 'kindd' in [[model]]; did you mean 'kind'?"));
  CHECK(at(6, "'layers' must be a whole number"));
  CHECK(at(7, "did you mean 'hidden'?"));
  CHECK(at(9, "already at test.toml:2"));
  CHECK(at(10, "'instruct' must be true or false"));
  CHECK(at(13, "64 lower-case hexadecimal"));
  CHECK(at(14, "'id' is missing"));
  CHECK(mistakes.size() == 7);
  CHECK(mistakes[0].column > 0);
  try {
    ThrowMistakes(mistakes);
    FAIL("nothing thrown");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("test.toml:4:1: unknown key 'kindd' in") != std::string::npos);
  }
}

TEST_CASE("a text that is no TOML is one mistake with its place") {
  const std::vector<Diagnostic> mistakes = Mistakes("collected = \"x\"\n[[model]\nid = 1\n");
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0].line == 2);
}

TEST_CASE("a folder without a catalog is an Error") { CHECK_THROWS_AS(LoadCatalog("/nonexistent"), Error); }

TEST_CASE("every row of the shipped evidence has source, date, precision and revision") {
  const std::vector<Evidence> rows = LoadEvidence(CatalogFolder() / "evidence");
  CHECK(rows.size() >= 130);
  for (const Evidence& row : rows) {
    CAPTURE(row.file.string());
    CAPTURE(row.line);
    CHECK(!row.source.empty());
    CHECK(!row.date.empty());
    CHECK(!row.precision.empty());
    CHECK(!row.revision.empty());
  }
  const auto find = [&](std::string_view model, std::string_view what) {
    const auto row =
        std::find_if(rows.begin(), rows.end(), [&](const Evidence& r) { return r.model == model && r.what == what; });
    REQUIRE(row != rows.end());
    return *row;
  };
  const Evidence rank = find("qwen3-1.7b", "mean tuned rank");
  CHECK(rank.value == doctest::Approx(4.44));
  CHECK(rank.low == doctest::Approx(2.84));
  CHECK(rank.high == doctest::Approx(6.04));
  CHECK(find("gemma-3n-e4b-it", "command match").value == doctest::Approx(80.6));
  CHECK(find("gemma-3n-e4b-it", "command match").n == 31);
  CHECK(find("qwen3.5-4b", "VRAM for inference").high == doctest::Approx(3));
}

TEST_CASE("an evidence row without source, value or order is reported") {
  std::vector<Evidence> rows;
  std::vector<Diagnostic> mistakes;
  ParseEvidence(
      "source = \"s\"\n[[row]]\nmodel = \"m\"\nwhat = \"w\"\nlow = 3\nhigh = 2\ndate = \"d\"\nprecision = \"p\"\n",
      "e.toml", rows, mistakes);
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].source == "s");
  REQUIRE(mistakes.size() == 2);
  CHECK(mistakes[0].message.find("'revision' is missing") != std::string::npos);
  CHECK(mistakes[1].message.find("'low' is above 'high'") != std::string::npos);
}

}  // namespace
}  // namespace loco
