#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "engine/fake_model.h"
#include "template/chat_template.h"
#include "template/prompt.h"
#include "template/prompt_problems.h"

namespace loco {
namespace {

constexpr const char* kChatMl =
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

TEST_CASE("a ChatML template renders roles, contents and the start of the answer") {
  const ChatTemplate chat(kChatMl, "", "<|im_end|>");
  CHECK(chat.Render({{"system", "Be brief."}, {"user", "Hi"}}, {}) ==
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  CHECK(chat.Render({{"user", "Hi"}}, {.add_generation_prompt = false}) == "<|im_start|>user\nHi<|im_end|>\n");
  CHECK(chat.supports_system());
}

TEST_CASE("a system message that the template would drop goes in front of the first user message") {
  const ChatTemplate chat(
      "{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content }};{% elif m.role == 'assistant' %}A:{{ "
      "m.content }};"
      "{% endif %}{% endfor %}",
      "", "");
  CHECK_FALSE(chat.supports_system());
  CHECK(chat.Render({{"system", "S"}, {"user", "Hi"}}, {}) == "U:S\nHi;");
}

TEST_CASE("a template sees the fixed date") {
  const ChatTemplate chat("{{ strftime_now('%Y-%m-%d') }} {{ messages[0].content }}", "", "");
  CHECK(chat.Render({{"user", "Hi"}}, {}) == std::string(kTemplateDate) + " Hi");
}

TEST_CASE("no template, a broken template and a refusing template are Errors with a cure") {
  CHECK_THROWS_WITH_AS(ChatTemplate("", "", ""), doctest::Contains("no chat template"), Error);
  CHECK_THROWS_WITH_AS(ChatTemplate("{% for %}", "", ""), doctest::Contains("cannot be read"), Error);
  const ChatTemplate refusing("{% if messages|length > 1 %}{{ raise_exception('one message only') }}{% endif %}ok", "",
                              "");
  CHECK(refusing.Render({{"user", "a"}}, {}) == "ok");
  CHECK_THROWS_WITH_AS(refusing.Render({{"user", "a"}, {"user", "b"}}, {}), doctest::Contains("one message only"),
                       Error);
}

TEST_CASE("the beginning-of-sequence token never comes twice") {
  FakeModel model([](const std::string&) { return ""; });
  model.mutable_info().adds_bos = true;
  model.mutable_info().chat_template = "{{ bos_token }}{{ messages[0].content }}";
  const PromptRenderer with_bos(model, PromptStyle::kChat);
  CHECK(with_bos.Render({{"user", "x"}}).tokens == std::vector<Token>{256, 'x'});
  model.mutable_info().chat_template = "{{ messages[0].content }}";
  const PromptRenderer without_bos(model, PromptStyle::kChat);
  CHECK(without_bos.Render({{"user", "x"}}).tokens == std::vector<Token>{256, 'x'});
}

TEST_CASE("a raw prompt is the text itself") {
  FakeModel model([](const std::string&) { return ""; });
  model.mutable_info().chat_template = "";
  const PromptRenderer renderer(model, PromptStyle::kRaw);
  const Prompt prompt = renderer.Render({{"system", "S"}, {"user", "U"}});
  CHECK(prompt.text == "S\n\nU");
  CHECK(renderer.style_hash() == "raw");
  CHECK(prompt.hash != renderer.Render({{"user", "U"}}).hash);
  CHECK_THROWS_AS(PromptRenderer(model, PromptStyle::kChat), Error);
}

TEST_CASE("thinking is switched where the template can, and refused where it cannot") {
  FakeModel model([](const std::string&) { return ""; });
  model.mutable_info().chat_template =
      "{{ messages[0].content }}[a]{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n"
      "{% endif %}";
  const std::vector<Message> question = {{"user", "q"}};
  CHECK(PromptRenderer(model, PromptStyle::kChat).Render(question).text == "q[a]");
  CHECK(PromptRenderer(model, PromptStyle::kChat, Thinking::kOn).Render(question).text == "q[a]");
  const PromptRenderer off(model, PromptStyle::kChat, Thinking::kOff);
  const Prompt prompt = off.Render(question);
  CHECK(prompt.text == "q[a]<think>\n\n</think>\n\n");
  CHECK_FALSE(off.ThinkingOf(prompt, 10)->opened);

  model.mutable_info().chat_template = "{{ messages[0].content }}<think>\n";
  const PromptRenderer always(model, PromptStyle::kChat);
  CHECK(always.ThinkingOf(always.Render(question), 10)->opened);
  CHECK_THROWS_WITH_AS(PromptRenderer(model, PromptStyle::kChat, Thinking::kOn), doctest::Contains("no switch"), Error);
  model.mutable_info().chat_template = "{{ messages[0].content }}{# </think> #}";
  CHECK_THROWS_WITH_AS(PromptRenderer(model, PromptStyle::kChat, Thinking::kOff), doctest::Contains("off"), Error);
  // One that knows no thinking does not think: there is nothing to turn off.
  model.mutable_info().chat_template = "{{ messages[0].content }}";
  CHECK(PromptRenderer(model, PromptStyle::kChat, Thinking::kOff).Render(question).text == "q");
  CHECK_FALSE(PromptRenderer(model, PromptStyle::kRaw).ThinkingOf({}, 10).has_value());
}

TEST_CASE("what is wrong with a prompt is said") {
  FakeModel model([](const std::string&) { return ""; });
  const std::vector<Message> messages = {{"system", "Be brief."}, {"user", "What is 2+2?"}};
  const auto problems = [&](const std::string& chat_template, int context = 1000) {
    model.mutable_info().chat_template = chat_template;
    const PromptRenderer renderer(model, PromptStyle::kChat);
    std::string all;
    for (const std::string& line : FindPromptProblems(model, renderer, messages, renderer.Render(messages), context)) {
      all += line + "\n";
    }
    return all;
  };
  const std::string good = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
  CHECK(problems(good).empty());
  CHECK(problems(good, 10).find("the context 10") != std::string::npos);
  CHECK(problems("{{ messages[-1].content }}").find("drops system messages") != std::string::npos);
  CHECK(problems("{% for m in messages %}{{ m.content | upper }}{% endfor %}").find("as it was written") !=
        std::string::npos);
  model.mutable_info().adds_bos = true;
  CHECK(problems(good).empty());
  CHECK(problems("{{ messages[0].content }}{{ messages[1].content }}{# no place for the token #}").empty());
}

TEST_CASE("published chat templates render or are refused with a reason") {
  const char* shared = std::getenv("LOCO_SHARED");
  const Path folder = Path(shared != nullptr ? shared : LOCO_SOURCE_DIR "/../shared") / "data/chat_templates";
  if (!std::filesystem::is_directory(folder)) {
    MESSAGE("skipped: " << folder.string() << " is not here");
    return;
  }
  int rendered = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    CAPTURE(entry.path().string());
    const ChatTemplate chat(ReadFile(entry.path()), "<s>", "</s>");
    const std::string text = chat.Render({{"user", "What is 2+2?"}}, {});
    CHECK(text.find("What is 2+2?") != std::string::npos);
    ++rendered;
  }
  MESSAGE(rendered << " templates rendered");
  CHECK(rendered > 0);
}

}  // namespace
}  // namespace loco
