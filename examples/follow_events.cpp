// Follow a session over HTTP, as server-sent events: `g++ -std=c++17 -o follow examples/follow_events.cpp`, then
// `./follow [HOST [PORT [TOKEN]]]` beside a running `emotrack dashboard`. It needs nothing but POSIX sockets; a
// program of yours would hand `data` to its JSON library instead of looking for two names in it.
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

static int connected(const std::string& host, const std::string& port) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return -1;
    int opened = -1;
    for (addrinfo* one = found; one != nullptr && opened < 0; one = one->ai_next) {
        opened = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (opened >= 0 && connect(opened, one->ai_addr, one->ai_addrlen) != 0) {
            close(opened);
            opened = -1;
        }
    }
    freeaddrinfo(found);
    return opened;
}

static std::string text(const std::string& json, const std::string& name) {
    const std::string key = "\"" + name + "\":\"";
    const auto begin = json.find(key);
    if (begin == std::string::npos) return "";
    const auto from = begin + key.size();
    return json.substr(from, json.find('"', from) - from);
}

int main(int count, char** given) {
    const std::string host = count > 1 ? given[1] : "127.0.0.1", port = count > 2 ? given[2] : "8787";
    const int opened = connected(host, port);
    if (opened < 0) {
        std::cerr << "nothing answers at " << host << ":" << port << "\n";
        return 1;
    }
    // HTTP/1.0, so that the answer comes as it is, and not in chunks.
    std::string request = "GET /api/v1/events?kind=emotion&kind=session HTTP/1.0\r\nHost: " + host + ":" + port;
    if (count > 3) request += std::string("\r\nAuthorization: Bearer ") + given[3];
    request += "\r\nAccept: text/event-stream\r\n\r\n";
    if (write(opened, request.data(), request.size()) != static_cast<ssize_t>(request.size())) return 1;
    FILE* answer = fdopen(opened, "r");
    char* line = nullptr;
    size_t room = 0;
    while (getline(&line, &room, answer) > 0) {
        const std::string read(line);
        if (read.rfind("data: ", 0) != 0) continue;  // the answer's head, an event's id, or the line between two
        const std::string data = read.substr(6);
        if (text(data, "type") == "emotion" && text(data, "state") != "partial")
            std::cout << text(data, "id") << " is in " << text(data, "label") << std::endl;
        if (text(data, "type") == "session") std::cout << "session " << text(data, "state") << std::endl;
    }
    free(line);
    fclose(answer);
}
