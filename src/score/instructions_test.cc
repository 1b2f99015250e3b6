#include "score/instructions.h"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <chrono>

namespace loco {
namespace {

using Json = nlohmann::json;

bool Does(const char* id, const Json& arguments, std::string_view response) {
  return Follows({id, arguments}, response);
}

std::string MistakeOf(const char* id, const Json& arguments) {
  const auto problems = FindInstructionProblems({id, arguments});
  return problems.empty() ? "" : problems[0].message;
}

// An instruction of every type, and a response that follows it.
struct Example {
  const char* id;
  Json arguments;
  std::string response;
};

const std::vector<Example>& Examples() {
  static const std::vector<Example> examples = {
      {"change_case:capital_word_frequency", {{"capital_frequency", 2}, {"capital_relation", "at least"}}, "I AM here"},
      {"change_case:english_capital", {}, "THIS IS A TEXT IN ENGLISH."},
      {"change_case:english_lowercase", {}, "this is a text in english."},
      {"combination:repeat_prompt", {{"prompt_to_repeat", "Say hello."}}, "Say hello.\n\nHello!"},
      {"combination:two_responses", {}, "One.\n******\nTwo."},
      {"detectable_content:number_placeholders", {{"num_placeholders", 2}}, "Dear [name], see [place]."},
      {"detectable_content:postscript", {{"postscript_marker", "P.S."}}, "Bye.\n\nP.S. Write soon."},
      {"detectable_format:constrained_response", {}, "My answer is maybe."},
      {"detectable_format:json_format", {}, "```json\n{\"a\": [1, 2]}\n```"},
      {"detectable_format:multiple_sections",
       {{"section_spliter", "Part"}, {"num_sections", 2}},
       "Part 1\nHello.\nPart 2\nBye."},
      {"detectable_format:number_bullet_lists", {{"num_bullets", 3}}, "List:\n* one\n  * two\n- three\n"},
      {"detectable_format:number_highlighted_sections", {{"num_highlights", 2}}, "*one* and **two**"},
      {"detectable_format:title", {}, "<<Of Rain>>\nIt rains."},
      {"keywords:existence", {{"keywords", {"rain", "sun"}}}, "Sunny, then raining."},
      {"keywords:forbidden_words", {{"forbidden_words", {"rain"}}}, "It was raining."},
      {"keywords:frequency", {{"keyword", "rain"}, {"frequency", 2}, {"relation", "at least"}}, "Rain after rains."},
      {"keywords:letter_frequency", {{"letter", "a"}, {"let_frequency", 3}, {"let_relation", "less than"}}, "Abba"},
      {"language:response_language", {{"language", "de"}}, "Das ist ein kurzer Satz auf Deutsch."},
      {"length_constraints:nth_paragraph_first_word",
       {{"num_paragraphs", 2}, {"nth_paragraph", 2}, {"first_word", "then"}},
       "First this.\n\n\"Then\" that."},
      {"length_constraints:number_paragraphs", {{"num_paragraphs", 2}}, "One.\n***\nTwo."},
      {"length_constraints:number_sentences", {{"num_sentences", 3}, {"relation", "less than"}}, "One. Two."},
      {"length_constraints:number_words", {{"num_words", 3}, {"relation", "at least"}}, "one two three"},
      {"punctuation:no_comma", {}, "one; two"},
      {"startend:end_checker", {{"end_phrase", "Good bye."}}, "It was nice. \"good bye.\""},
      {"startend:quotation", {}, " \"All of it.\"\n"},
  };
  return examples;
}

Instruction InstructionOf(const Example& example) {
  return {example.id, example.arguments.is_null() ? Json::object() : example.arguments};
}

TEST_CASE("there is an example of every type, and it follows strictly and loosely") {
  std::vector<std::string> ids;
  for (const Example& example : Examples()) {
    CAPTURE(example.id);
    ids.emplace_back(example.id);
    REQUIRE(FindInstructionProblems(InstructionOf(example)).empty());
    CHECK(Follows(InstructionOf(example), example.response));
    CHECK(FollowsLoosely(InstructionOf(example), example.response));
  }
  CHECK(ids == InstructionIds());
  CHECK(ids.size() == 25);
}

TEST_CASE("a response of blanks follows nothing, and no bytes stop a check") {
  std::string all_bytes;
  for (int byte = 0; byte < 256; ++byte) all_bytes += static_cast<char>(byte);
  for (const Example& example : Examples()) {
    CAPTURE(example.id);
    const Instruction instruction = InstructionOf(example);
    for (const char* blank : {"", " ", "\n\n", "\t\u00a0\u3000"}) {
      CHECK(!Follows(instruction, blank));
      CHECK(!FollowsLoosely(instruction, blank));
    }
    for (const std::string& bytes : {all_bytes, std::string(1, '\0'), std::string("\xff"), std::string("a\xe6\x97")}) {
      const bool strict = Follows(instruction, bytes);
      CHECK((!strict || FollowsLoosely(instruction, bytes)));
    }
  }
}

TEST_CASE("whatever follows strictly follows loosely") {
  CHECK(rc::check("strict implies loose", [](const std::vector<uint8_t>& choices) {
    static const std::vector<std::string> parts = {"*",      "\n", "a",   " ",      "[", "]", "<<",
                                                   ">>",     "\"", "```", "******", ".", ",", "rain",
                                                   "Part 1", "{}", "-",   "\xff",   "I", "日"};
    std::string response;
    for (const uint8_t choice : choices) response += parts[choice % parts.size()];
    for (const Example& example : Examples()) {
      const Instruction instruction = InstructionOf(example);
      RC_ASSERT(!Follows(instruction, response) || FollowsLoosely(instruction, response));
    }
  }));
}

TEST_CASE("a response of a megabyte takes no more than its length") {
  // Each is hard for something: pairs that never close, endless blanks, emphasis, full stops, nesting, no UTF-8.
  for (const char* part : {"[", "*", "<<a", " \n", "a ", "A.", "p. ", "[[1,", "\xff"}) {
    std::string response;
    while (response.size() < 1'000'000) response += part;
    for (const Example& example : Examples()) {
      CAPTURE(example.id);
      CAPTURE(part);
      const auto start = std::chrono::steady_clock::now();
      Follows(InstructionOf(example), response);
      CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));  // quadratic time would be minutes
    }
  }
}

TEST_CASE("the loose verdict forgives outer lines and asterisks") {
  const Instruction json{"detectable_format:json_format"};
  CHECK(!Follows(json, "Here it is:\n{}\nEnjoy!"));
  CHECK(FollowsLoosely(json, "Here it is:\n{}\nEnjoy!"));
  CHECK(FollowsLoosely(json, "Here it is:\n{}"));
  CHECK(FollowsLoosely(json, "{}\nEnjoy!"));
  CHECK(FollowsLoosely(json, "Here it is:\n**{}**"));
  CHECK(!FollowsLoosely(json, "Hello!\nHere it is:\n{}"));  // one line at each end, not more
  const Instruction end{"startend:end_checker", {{"end_phrase", "bye"}}};
  CHECK(!Follows(end, "good *bye*"));
  CHECK(FollowsLoosely(end, "good *bye*"));
  CHECK(!FollowsLoosely({"punctuation:no_comma"}, "a, b"));
}

TEST_CASE("unknown instructions and arguments are named with what was meant") {
  CHECK(MistakeOf("punctuation:no_coma", {}) ==
        "unknown instruction 'punctuation:no_coma'; did you mean 'punctuation:no_comma'?");
  CHECK(MistakeOf("number_words", {}).find("did you mean 'length_constraints:number_words'?") != std::string::npos);
  CHECK(MistakeOf("format:title", {}).find("did you mean 'detectable_format:title'?") != std::string::npos);
  CHECK(MistakeOf("x", Json::object()) == "unknown instruction 'x'");
  CHECK(MistakeOf("", Json::object()) == "unknown instruction ''");
  const Json mistyped = {{"num_word", 3}, {"relation", "at least"}};
  const auto problems = FindInstructionProblems({"length_constraints:number_words", mistyped});
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].argument == "num_word");
  CHECK(problems[0].message ==
        "'length_constraints:number_words' has no argument 'num_word'; did you mean 'num_words'?");
  CHECK(problems[1].message == "'length_constraints:number_words' needs the argument 'num_words'");
  CHECK(MistakeOf("punctuation:no_comma", Json::array()).find("must be an object") != std::string::npos);
}

TEST_CASE("published copies that carry every argument as null are read") {
  CHECK(MistakeOf("punctuation:no_comma", {{"num_words", nullptr}, {"keywords", nullptr}}).empty());
  CHECK(MistakeOf("detectable_format:number_bullet_lists", {{"num_bullets", 3.0}, {"num_words", nullptr}}).empty());
  CHECK(!MistakeOf("detectable_format:number_bullet_lists", {{"num_bullets", nullptr}}).empty());
}

TEST_CASE("an argument of the wrong kind is a problem of that argument") {
  const auto wrong = [](const char* id, const char* name, const Json& value) {
    const auto example =
        std::find_if(Examples().begin(), Examples().end(), [&](const Example& e) { return std::string(e.id) == id; });
    Instruction instruction = InstructionOf(*example);
    instruction.arguments[name] = value;
    const auto problems = FindInstructionProblems(instruction);
    return problems.size() == 1 && problems[0].argument == name;
  };
  for (const Json& value : {Json(-1), Json(1.5), Json("3"), Json(1e12), Json(nullptr), Json(true)}) {
    CHECK(wrong("length_constraints:number_words", "num_words", value));
  }
  for (const Json& value : {Json("at most"), Json(""), Json(1)}) {
    CHECK(wrong("length_constraints:number_words", "relation", value));
  }
  for (const Json& value : {Json(""), Json(" "), Json(1)}) CHECK(wrong("startend:end_checker", "end_phrase", value));
  for (const Json& value : {Json("a"), Json::array(), Json({"a", ""}), Json({1})}) {
    CHECK(wrong("keywords:existence", "keywords", value));
  }
  for (const Json& value : {Json("ab"), Json(""), Json(" "), Json(7)}) {
    CHECK(wrong("keywords:letter_frequency", "letter", value));
  }
  for (const Json& value : {Json("xx"), Json("German"), Json(1)}) {
    CHECK(wrong("language:response_language", "language", value));
  }
  CHECK(wrong("length_constraints:nth_paragraph_first_word", "nth_paragraph", 0));
  CHECK(wrong("length_constraints:nth_paragraph_first_word", "nth_paragraph", 3));
}

TEST_CASE("at least and less than part the counts between them") {
  for (int n = 0; n < 6; ++n) {
    const bool at_least =
        Does("length_constraints:number_words", {{"num_words", n}, {"relation", "at least"}}, "a b c");
    const bool less = Does("length_constraints:number_words", {{"num_words", n}, {"relation", "less than"}}, "a b c");
    CHECK(at_least == (n <= 3));
    CHECK(less == !at_least);
  }
}

bool HasCapitals(int count, const char* text) {
  const char* id = "change_case:capital_word_frequency";
  return Does(id, {{"capital_frequency", count}, {"capital_relation", "at least"}}, text) &&
         Does(id, {{"capital_frequency", count + 1}, {"capital_relation", "less than"}}, text);
}

TEST_CASE("words in capitals are counted as the Penn Treebank parts words") {
  CHECK(HasCapitals(0, "No Word here is All in capitals"));
  CHECK(HasCapitals(2, "I saw NASA."));
  CHECK(HasCapitals(1, "WELL-KNOWN"));
  CHECK(HasCapitals(1, "I'm"));
  CHECK(HasCapitals(2, "IT'S"));
  CHECK(HasCapitals(2, "DON'T."));
  CHECK(HasCapitals(2, "CANNOT"));
  CHECK(HasCapitals(2, "R&D"));
  CHECK(HasCapitals(1, "**\"(U.S.A.)\"**"));
  CHECK(HasCapitals(2, "GO--NOW"));
  CHECK(HasCapitals(1, "10:30AM"));
  CHECK(HasCapitals(2, "“ÄÖ”: Д"));
}

TEST_CASE("capitals and lower case need English and allow no other case") {
  CHECK(!Does("change_case:english_capital", Json::object(), "THIS IS A TEXT IN ENGLISh."));
  CHECK(!Does("change_case:english_capital", Json::object(), "DAS IST EIN KURZER SATZ."));
  CHECK(!Does("change_case:english_capital", Json::object(), "1234"));
  CHECK(!Does("change_case:english_lowercase", Json::object(), "This is a text in english."));
  CHECK(!Does("change_case:english_lowercase", Json::object(), "das ist ein kurzer satz."));
}

TEST_CASE("the prompt is repeated at the very beginning") {
  const Json arguments = {{"prompt_to_repeat", " Say hello.\n"}};
  CHECK(Does("combination:repeat_prompt", arguments, "\n SAY HELLO. Hello."));
  CHECK(!Does("combination:repeat_prompt", arguments, "Sure! Say hello."));
  CHECK(!Does("combination:repeat_prompt", arguments, "Say hello"));
}

TEST_CASE("two responses differ, and no empty one lies between them") {
  const char* id = "combination:two_responses";
  CHECK(Does(id, Json::object(), "******One.******Two.******"));
  CHECK(!Does(id, Json::object(), "One.\n******\n One. "));
  CHECK(!Does(id, Json::object(), "One."));
  CHECK(!Does(id, Json::object(), "One.******Two.******Three."));
  CHECK(!Does(id, Json::object(), "One.******\n******Two."));
}

TEST_CASE("placeholders are brackets on one line") {
  CHECK(!Does("detectable_content:number_placeholders", {{"num_placeholders", 1}}, "[a\nb]"));
  CHECK(Does("detectable_content:number_placeholders", {{"num_placeholders", 2}},
             "[[a]]]"
             " []"));
  CHECK(!Does("detectable_content:number_placeholders", {{"num_placeholders", 2}}, "[[a]]"));
}

TEST_CASE("a postscript may have blanks in its marker") {
  CHECK(Does("detectable_content:postscript", {{"postscript_marker", "P.S."}}, "p. s. bye"));
  CHECK(!Does("detectable_content:postscript", {{"postscript_marker", "P.S."}}, "PS: bye"));
  CHECK(Does("detectable_content:postscript", {{"postscript_marker", "P.P.S"}}, "P. P. S: bye"));
  CHECK(!Does("detectable_content:postscript", {{"postscript_marker", "P.P.S"}}, "P.S. bye"));
  CHECK(Does("detectable_content:postscript", {{"postscript_marker", "N.B."}}, "n.b. bye"));
  CHECK(!Does("detectable_content:postscript", {{"postscript_marker", "N.B."}}, "nabs bye"));  // no pattern
}

TEST_CASE("JSON is what a strict reader takes, with or without a fence") {
  const auto is_json = [](std::string_view text) {
    return Does("detectable_format:json_format", Json::object(), text);
  };
  for (const char* good :
       {"{}", " [1, 2.5e3, \"\\u00e4\", null]\n", "7", "\"text\"", "```\n{}\n```", "```JSON {} ```"}) {
    CAPTURE(good);
    CHECK(is_json(good));
  }
  for (const char* bad :
       {"{", "{'a': 1}", "{\"a\": 1,}", "{} {}", "{} // done", "NaN", "text", "\uFEFF{}", "```json```"}) {
    CAPTURE(bad);
    CHECK(!is_json(bad));
  }
  CHECK(!is_json(std::string_view("{}\0x", 4)));
  CHECK(is_json(std::string(100'000, '[') + std::string(100'000, ']')));
}

TEST_CASE("sections carry numbers and the marker's own case") {
  const auto has = [](int count, const char* text) {
    return Does("detectable_format:multiple_sections", {{"section_spliter", "Part (a)"}, {"num_sections", count}},
                text);
  };
  CHECK(has(2, "Part (a)1 Part (a) 22"));
  CHECK(!has(1, "part (a) 1"));
  CHECK(!has(1, "Part (a) one"));
  CHECK(!has(1, "Part a 1"));  // the marker is no pattern
  CHECK(!has(1, "Part (a)"));
  CHECK(!Does("detectable_format:multiple_sections",
              {{"section_spliter", std::string(1'000'000, 'x')}, {"num_sections", 1}}, "x 1"));
}

TEST_CASE("bullets are counted exactly, and emphasis is no bullet") {
  const auto bullets = [](const char* text) {
    int n = 0;
    while (n < 20 && !Does("detectable_format:number_bullet_lists", {{"num_bullets", n}}, text)) ++n;
    return n;
  };
  CHECK(bullets("text") == 0);
  CHECK(bullets("* a\n*b\n\n  - c\n") == 3);
  CHECK(bullets("**bold** text\n* a") == 1);
  CHECK(bullets("a * b\nc - d") == 0);
  CHECK(bullets("---\n+ a\n• b") == 1);
}

TEST_CASE("highlights have text in them") {
  const auto has = [](int count, const char* text) {
    return Does("detectable_format:number_highlighted_sections", {{"num_highlights", count}}, text);
  };
  CHECK(has(1, "*a*"));
  CHECK(!has(1, "* a\n* b"));
  CHECK(!has(1, "** ** * *"));
  CHECK(has(2, "**a** **b**"));
  CHECK(!has(3, "**a** **b**"));
}

TEST_CASE("a title stands in double angular brackets on one line") {
  const auto has = [](const char* text) { return Does("detectable_format:title", Json::object(), text); };
  CHECK(has("<<a>>"));
  CHECK(has("<<< a >>>"));
  CHECK(!has("<a>"));
  CHECK(!has("<< >>"));
  CHECK(!has("<<a\nb>>"));
}

TEST_CASE("keywords may be parts of words, forbidden words are words") {
  CHECK(Does("keywords:existence", {{"keywords", {"ÄR", "c++"}}}, "Bären like C++"));
  CHECK(!Does("keywords:existence", {{"keywords", {"a", "z"}}}, "abc"));
  CHECK(!Does("keywords:existence", {{"keywords", {"a.c"}}}, "abc"));  // no pattern
  const auto allows = [](const char* word, const char* text) {
    return Does("keywords:forbidden_words", {{"forbidden_words", {word}}}, text);
  };
  CHECK(!allows("rain", "Rain!"));
  CHECK(!allows("rain", "trains rain"));
  CHECK(allows("rain", "trains raining rain_ rain2"));
  CHECK(allows("na", "naïve"));  // letters beyond ASCII continue words
  CHECK(!allows("über", "gut, ÜBER-gut"));
  CHECK(!allows("c++", "use C++ now"));
  CHECK(!allows("日", "日"));
}

TEST_CASE("letters are counted without regard to case, also what is no letter") {
  const auto has = [](const char* letter, int count, const char* text) {
    return Does("keywords:letter_frequency",
                {{"letter", letter}, {"let_frequency", count}, {"let_relation", "at least"}}, text);
  };
  CHECK(has("A", 3, "Abba, a!"));
  CHECK(!has("A", 4, "Abba, a!"));
  CHECK(has("ä", 2, "Ää"));
  CHECK(has("#", 2, "# a #"));
}

TEST_CASE("the response's language is that of most of it") {
  const auto is = [](const char* language, const char* text) {
    return Does("language:response_language", {{"language", language}}, text);
  };
  CHECK(!is("de", "This is a short sentence in English."));
  CHECK(is("hi", "यह हिंदी में एक छोटा वाक्य है।"));
  CHECK(is("de", "1234 ?!"));  // nothing that is not German
  CHECK(!is("de", "xqzt"));
}

TEST_CASE("a paragraph's first word stands without quotation marks and punctuation") {
  const auto has = [](int paragraphs, int place, const char* text) {
    return Does("length_constraints:nth_paragraph_first_word",
                {{"num_paragraphs", paragraphs}, {"nth_paragraph", place}, {"first_word", "Then"}}, text);
  };
  CHECK(has(1, 1, "THEN, later."));
  CHECK(has(1, 1, "'\"then's"));
  CHECK(has(2, 1, "Then\n\nNow"));
  CHECK(!has(2, 1, "Then"));
  CHECK(!has(2, 1, "Thens\n\nNow"));
  CHECK(!has(1, 1, "Then\n\nNow"));
  CHECK(has(2, 2, "Now\n\n\nThen"));     // a third line end belongs to the paragraph
  CHECK(!has(2, 2, "Now\n\n\n\nThen"));  // but a blank paragraph takes a place
}

TEST_CASE("paragraphs between dividers are counted exactly, and none may be empty") {
  const auto has = [](int count, const char* text) {
    return Does("length_constraints:number_paragraphs", {{"num_paragraphs", count}}, text);
  };
  CHECK(has(1, "One.\n\nStill one."));
  CHECK(has(2, "***\nOne.\n***\nTwo.\n***"));
  CHECK(!has(1, "One. *** Two."));
  CHECK(!has(2, "One. *** *** Two."));
}

TEST_CASE("ends, quotations and commas") {
  CHECK(!Does("startend:end_checker", {{"end_phrase", "bye"}}, "bye!"));
  CHECK(Does("startend:end_checker", {{"end_phrase", " bye "}}, "good Bye\n"));
  CHECK(!Does("startend:quotation", Json::object(), "\""));
  CHECK(!Does("startend:quotation", Json::object(), "\"a\" he said"));
  CHECK(!Does("startend:quotation", Json::object(), "“a”"));
  CHECK(!Does("punctuation:no_comma", Json::object(), "a,b"));
  CHECK(Does("punctuation:no_comma", Json::object(), "a，b、"));
  CHECK(!Does("detectable_format:constrained_response", Json::object(), "My answer is yes"));
  CHECK(!Does("detectable_format:constrained_response", Json::object(), "my answer is yes."));
  CHECK(Does("detectable_format:constrained_response", Json::object(), "Well: My answer is no. Sorry."));
}

}  // namespace
}  // namespace loco
