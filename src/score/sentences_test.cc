#include "score/sentences.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

namespace loco {
namespace {

TEST_CASE("text without words has no sentences, and any other text has at least one") {
  CHECK(CountSentences("") == 0);
  CHECK(CountSentences(" \n\t") == 0);
  CHECK(CountSentences("no end") == 1);
  CHECK(CountSentences("One.") == 1);
  CHECK(CountSentences(".") == 1);
  CHECK(CountSentences(std::string_view("\0", 1)) == 1);
}

TEST_CASE("full stops, question marks and exclamation marks end sentences") {
  CHECK(CountSentences("One. Two! Three? Four") == 4);
  CHECK(CountSentences("one. two.\nthree.") == 3);
  CHECK(CountSentences("Wait!!! What?! Yes.") == 3);
  CHECK(CountSentences("A title\n\nA line: another, and; more") == 1);
}

TEST_CASE("closing marks belong to the sentence that they close") {
  CHECK(CountSentences("She said \"No.\" Then she left.") == 2);
  CHECK(CountSentences("(It rained.)") == 1);
  CHECK(CountSentences("\"It rained.\"") == 1);
  CHECK(CountSentences("Dr. Smith left at 5 p.m. on Monday. \"Why?\" she asked.") == 3);
  CHECK(CountSentences("**It rained.**") == 2);  // an asterisk closes nothing
}

TEST_CASE("abbreviations and initials end no sentence unless a common word follows in capitals") {
  CHECK(CountSentences("Dr. Smith met Mr. J. Doe at 5 p.m. on Monday.") == 1);
  CHECK(CountSentences("We met at 5 p.m. The sun shone.") == 2);
  CHECK(CountSentences("The U.S. Senate sat.") == 1);
  CHECK(CountSentences("Bring fruit, e.g. apples.") == 1);
}

TEST_CASE("full stops inside a word end nothing") {
  CHECK(CountSentences("Version 3.5 of www.example.com costs 1.000,50 today.") == 1);
}

TEST_CASE("an ellipsis goes on unless a common word follows in capitals") {
  CHECK(CountSentences("Well... maybe.") == 1);
  CHECK(CountSentences("Well... The end.") == 2);
}

TEST_CASE("the number of a list's item is a sentence, as Punkt has it") {
  CHECK(CountSentences("1. Rinse") == 2);
  CHECK(CountSentences("In 1990. when it rained") == 1);
}

TEST_CASE("each sentence more counts one more") {
  std::string text;
  for (size_t n = 1; n <= 50; ++n) {
    text += fmt::format("This is sentence {} of them. ", n);
    CHECK(CountSentences(text) == n);
  }
}

}  // namespace
}  // namespace loco
