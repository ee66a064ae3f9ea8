# Warnings are errors, in every folder of ours.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnull-dereference -Wcast-align -Wformat=2 -fno-omit-frame-pointer
  "$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor;-Woverloaded-virtual>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # GCC 12 reports a null dereference inside std::variant at -O2 that is none.
  add_compile_options(-Wno-null-dereference)
endif()

if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # libstdc++ 12's own stable_sort uses what it deprecates; LIBBPF_OPTS leaves the fields out that are zero.
  add_compile_options(-Wno-deprecated-declarations -Wno-missing-designated-field-initializers)
endif()

if(STAKEOUT_SANITIZE)
  # Not vptr: LLVM's archives have no run-time type information, and templates of the standard library (shared_ptr) that
  # both they and we instantiate are one copy in the end.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
if(STAKEOUT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
