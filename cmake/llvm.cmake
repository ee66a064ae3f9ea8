# static_clang: Clang's front end and LLVM with the BPF back end, from Debian's static archives of version 19.
find_program(LLVM_CONFIG NAMES llvm-config-19 REQUIRED)
function(ask_llvm variable)
  execute_process(COMMAND ${LLVM_CONFIG} --link-static ${ARGN} OUTPUT_VARIABLE answer
    OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} ${answer} PARENT_SCOPE)
endfunction()
ask_llvm(LLVM_INCLUDE_FOLDER --includedir)
ask_llvm(LLVM_LIBRARY_FOLDER --libdir)
ask_llvm(LLVM_LIBRARIES --libnames
  bpfasmparser bpfcodegen bpfdesc bpfinfo passes coverage frontenddriver frontendhlsl irreader lto option windowsdriver)
separate_arguments(LLVM_LIBRARIES)
list(TRANSFORM LLVM_LIBRARIES PREPEND "-l:")

set(CLANG_LIBRARIES clangFrontend clangDriver clangCodeGen clangParse clangSema clangSerialization clangAPINotes
  clangEdit clangAnalysis clangASTMatchers clangAST clangLex clangSupport clangBasic)
list(TRANSFORM CLANG_LIBRARIES REPLACE "(.+)" "-l:lib\\1.a")

add_library(static_clang INTERFACE)
target_include_directories(static_clang SYSTEM INTERFACE ${LLVM_INCLUDE_FOLDER})
# The archives were built without run-time type information and without assertions.
target_compile_options(static_clang INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-fno-rtti>")
target_compile_definitions(static_clang INTERFACE NDEBUG)
target_link_directories(static_clang INTERFACE ${LLVM_LIBRARY_FOLDER})
# Debian's LLVM has Polly built in (libpolly-19-dev), which the optimiser refers to. llvm.ld defers the static
# constructors of all these archives to their first use.
target_link_libraries(static_clang INTERFACE
  ${CLANG_LIBRARIES} ${LLVM_LIBRARIES} -l:libz.a -l:libzstd.a)
# Not position-independent: 250,000 relocations would cost each start 3 ms and 3 MB.
target_link_options(static_clang INTERFACE $<$<NOT:$<BOOL:${STAKEOUT_SANITIZE}>>:-no-pie> -Wl,--gc-sections -Wl,-T,${CMAKE_SOURCE_DIR}/cmake/llvm.ld)
