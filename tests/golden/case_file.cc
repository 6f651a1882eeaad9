#include "tests/golden/case_file.hh"

#include <fstream>
#include <stdexcept>

namespace caisson::golden {
namespace {

/// "left MARK right"; false when the mark is not there.
bool split(const std::string& line, const std::string& mark, std::string& left, std::string& right) {
  const auto at = line.find(mark);
  if (at == std::string::npos) return false;
  const std::string whole = line;
  left = whole.substr(0, at);
  right = whole.substr(at + mark.size());
  return true;
}

Request parse_request(const std::string& line) {
  const auto open = line.find(" {");
  const auto close = line.rfind('}');
  if (open == std::string::npos || close == std::string::npos) {
    throw std::runtime_error("not a request: " + line);
  }
  Request request{.name = "", .operation = line.substr(0, open), .pointer = "", .code = ""};
  request.parameters = line.substr(open + 1, close - open);
  split(request.operation, " = ", request.name, request.operation);
  const std::string rest = line.substr(close + 1);
  std::string nothing;
  if (!split(rest, " ! ", nothing, request.code)) split(rest, " ", nothing, request.pointer);
  if (request.name.empty() != request.pointer.empty()) throw std::runtime_error("half a name: " + line);
  return request;
}

}  // namespace

CaseFile read_case(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot open " + path);
  CaseFile file;
  std::string section;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty()) continue;
    if (line.front() == '#') {
      file.comments.push_back(line);
    } else if (line.front() == '[') {
      section = line.substr(1, line.size() - 2);
    } else if (section == "requests") {
      file.request_lines.push_back(line);
      file.requests.push_back(parse_request(line));
    } else {
      file.sections[section].push_back(line);
    }
  }
  return file;
}

void write_case(const std::string& path, const CaseFile& file,
                const std::map<std::string, std::vector<std::string>>& sections,
                const std::vector<std::string>& order) {
  std::ofstream out(path);
  const auto write = [&](const std::vector<std::string>& lines) {
    for (const auto& line : lines)
      out << line << '\n';
  };
  write(file.comments);
  out << "[requests]\n";
  write(file.request_lines);
  for (const auto& name : order) {
    out << "\n[" << name << "]\n";
    write(sections.at(name));
  }
}

}  // namespace caisson::golden
