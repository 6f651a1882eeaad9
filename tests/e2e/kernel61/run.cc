// kernel61_run PROGRAM [ARGUMENT...]: runs a program of the build, or a script of /bin/sh, as root inside the 6.1
// microVM. Arguments that are files of this machine go with it, by their last component in the guest's /var/task/bin.
#include <cstdio>

#include "tests/e2e/kernel61/machine.hh"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("kernel61_run PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  caisson::kernel61::Cargo cargo;
  std::vector<std::string> command(argv + 1, argv + argc);
  for (std::string& argument : command) {
    if (std::filesystem::is_regular_file(argument)) argument = cargo.add_program(argument);
  }
  return caisson::kernel61::Machine(cargo.pack()).run(command) == 0 ? 0 : 1;
}
