# caisson_bpf_skeleton(NAME FILE.bpf.c): compiles with clang and makes NAME.skel.h for libbpf; link the target NAME_skel.
function(caisson_bpf_skeleton name file)
  find_program(CLANG_BPF NAMES clang-14 clang REQUIRED)
  find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
  set(object ${CMAKE_CURRENT_BINARY_DIR}/${name}.bpf.o)
  set(skeleton ${CMAKE_CURRENT_BINARY_DIR}/${name}.skel.h)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h ${CMAKE_CURRENT_SOURCE_DIR}/lib/*.h)
  add_custom_command(
    OUTPUT ${object}
    # Blocks in source order: otherwise a loop's last block may be placed before its first and fall through to it, and
    # Linux 6.1 refuses a back-edge that is no jump (kernel/bpf/verifier.c, push_insn; "back-edge from insn").
    COMMAND ${CLANG_BPF} -O2 -g -target bpf -mcpu=v3 -mllvm -disable-block-placement -Wall -Wextra -Werror
            -I/usr/include/${CMAKE_SYSTEM_PROCESSOR}-linux-gnu -I${PROJECT_SOURCE_DIR}
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${file} -o ${object}
    DEPENDS ${file} ${headers}
    COMMENT "BPF ${file}")
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name} > ${skeleton}.tmp
    COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.tmp ${skeleton}
    DEPENDS ${object})
  add_custom_target(${name}_skel_h DEPENDS ${skeleton})
  add_library(${name}_skel INTERFACE)
  add_dependencies(${name}_skel ${name}_skel_h)
  target_include_directories(${name}_skel SYSTEM INTERFACE ${CMAKE_CURRENT_BINARY_DIR})
endfunction()
