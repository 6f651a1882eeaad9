#include "tests/golden/case_file.hh"

#include <fstream>
#include <regex>
#include <stdexcept>

namespace caisson::golden {
namespace {

Request parse_request(const std::string& line) {
  static const std::regex kForm(R"((?:(\w+) = )?(\w+) (\{.*\})(?: (/\S+))?(?: ! (\S+))?)");
  std::smatch parts;
  if (!std::regex_match(line, parts, kForm)) throw std::runtime_error("not a request: " + line);
  return {parts[1], parts[2], parts[3], parts[4], parts[5]};
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
