#include <iostream>

#include "cli/command_line.hh"

int main(int count, char** words) {
  return caisson::cli::run(std::vector<std::string>(words + 1, words + count), std::cout, std::cerr);
}
