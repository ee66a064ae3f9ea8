# Warnings are errors, in every folder of ours.
add_compile_options(-Wall -Wextra -Werror -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wnull-dereference
  -Wcast-align -Wformat=2 -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  # GCC 12 reports a null dereference inside std::variant at -O2 that is none.
  add_compile_options(-Wno-null-dereference)
endif()
# The C++ warnings above mean nothing to C.
add_compile_options("$<$<COMPILE_LANGUAGE:C>:-Wno-non-virtual-dtor;-Wno-overloaded-virtual;-Wno-error>")

if(STAKEOUT_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
if(STAKEOUT_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()
