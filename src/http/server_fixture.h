// For tests alone: a server on this machine that answers as it is told, badly if need be.
//
//   ScriptedServer server([](const ScriptedRequest& request) { return JsonReply(R"({"ok":true})"); });
//   HttpClient client(server.url());
//
// The script is called on a thread of each connection, for one request a connection.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace loco {

struct ScriptedRequest {
  int number = 0;  // from 0, in the order of arrival
  std::string method;
  std::string path;
  std::string head;  // request line and headers
  std::string body;
};

// Bytes, piece by piece, as they go over the wire; then the connection ends.
struct ScriptedReply {
  std::vector<std::string> pieces;
  std::chrono::milliseconds pause{0};  // after each piece but the last
  bool hang = false;                   // say nothing more and keep the connection until the server ends
};

inline ScriptedReply JsonReply(const std::string& body, int status = 200, const std::string& headers = "") {
  return {.pieces = {fmt::format("HTTP/1.1 {} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
                                 "Connection: close\r\n{}\r\n{}",
                                 status, body.size(), headers, body)}};
}

class ScriptedServer {
 public:
  using Script = std::function<ScriptedReply(const ScriptedRequest&)>;

  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 64) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~ScriptedServer() { Stop(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  // Ends all connections; nobody listens at the port from then on.
  void Stop() {
    if (stopping_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    for (std::thread& connection : connections_) connection.join();
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }
  int port() const { return port_; }

  std::vector<ScriptedRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void Accept() {
    for (;;) {
      const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (stopping_ || connection < 0) {
        if (connection >= 0) ::close(connection);
        return;
      }
      connections_.emplace_back([this, connection] { Serve(connection); });
    }
  }

  void Serve(int connection) {
    timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ScriptedRequest request;
    if (Receive(connection, request)) {
      {
        const std::lock_guard lock(mutex_);
        request.number = static_cast<int>(requests_.size());
        requests_.push_back(request);
      }
      Send(connection, script_(request));
    }
    ::close(connection);
  }

  static bool Receive(int connection, ScriptedRequest& request) {
    std::string text;
    size_t end = std::string::npos;
    size_t length = 0;
    char buffer[1 << 14];
    while (end == std::string::npos || text.size() < end + 4 + length) {
      const ssize_t received = ::recv(connection, buffer, sizeof buffer, 0);
      if (received <= 0) return false;
      text.append(buffer, static_cast<size_t>(received));
      if (end != std::string::npos || (end = text.find("\r\n\r\n")) == std::string::npos) continue;
      const size_t field = text.find("Content-Length: ");
      if (field < end) length = static_cast<size_t>(std::atoll(text.c_str() + field + 16));
    }
    request.head = text.substr(0, end);
    request.body = text.substr(end + 4);
    request.method = text.substr(0, text.find(' '));
    const size_t path = request.method.size() + 1;
    request.path = text.substr(path, text.find(' ', path) - path);
    return true;
  }

  void Send(int connection, const ScriptedReply& reply) {
    for (size_t i = 0; i < reply.pieces.size(); ++i) {
      if (i > 0) Wait(reply.pause);
      const std::string& piece = reply.pieces[i];
      for (size_t sent = 0; sent < piece.size();) {
        const ssize_t now = ::send(connection, piece.data() + sent, piece.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) return;
        sent += static_cast<size_t>(now);
      }
    }
    if (reply.hang) Wait(std::chrono::minutes(1));
  }

  void Wait(std::chrono::milliseconds duration) const {
    const auto end = std::chrono::steady_clock::now() + duration;
    while (!stopping_ && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::min(duration, std::chrono::milliseconds(5)));
    }
  }

  Script script_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread acceptor_;
  std::vector<std::thread> connections_;
  mutable std::mutex mutex_;
  std::vector<ScriptedRequest> requests_;
};

}  // namespace loco
