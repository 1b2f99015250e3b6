// What model servers send, read without trust: any bytes are an input, and a field of another type than promised is a
// field that is not there.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/chat_backend.h"
#include "http/http_client.h"

namespace loco {

using ServerJson = nlohmann::json;

// The response as one JSON object; none: `why` says what it is instead.
std::optional<ServerJson> ParseServerJson(std::string_view body, std::string& why);

// Fields of an object; `object` may be anything.
std::string TextAt(const ServerJson& object, const char* key);  // empty: none
std::optional<int> CountAt(const ServerJson& object, const char* key);
std::optional<double> NumberAt(const ServerJson& object, const char* key);
const ServerJson& ObjectAt(const ServerJson& object, const char* key);  // an empty one when there is none
const ServerJson& ListAt(const ServerJson& object, const char* key);    // an empty one when there is none

// What a server says about its failure: the message of OpenAI's, Ollama's and FastAPI's layouts, or the beginning of
// the body. One line of at most 300 characters; hostile.
std::string ServerMessage(std::string_view body);

// Names for a message: "a, b, c and 397 more"; "none" when there are none.
std::string NameSome(const std::vector<std::string>& names);

// A response that is no answer: the error of its class, or kTooLong where the server says that the prompt does not fit.
ChatAnswer FailedAnswer(const HttpResponse& response);

// A response of status 200 that does not keep the interface's promise.
ChatAnswer WrongAnswer(const std::string& what);

// The document at `path`; none when the server has no such path. Throws Error when it does not answer.
std::optional<ServerJson> FetchDocument(HttpClient& client, const char* path);
// The same for what only some servers have: none for every failure, one attempt. Servers meet unknown paths in many
// ways: with another status, with a web page, or with status 200 and {"error": …} (LM Studio).
std::optional<ServerJson> FetchIfThere(HttpClient& client, const char* path);

}  // namespace loco
