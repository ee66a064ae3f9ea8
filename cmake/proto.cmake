# add_proto(TARGET FILE): a library of the code that protoc makes of FILE, as named from the top folder. A library of
# its own, with no warnings: the code is protoc's.
find_program(PROTOC NAMES protoc REQUIRED)
set(PROTO_FOLDER ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${PROTO_FOLDER})
if(NOT TARGET protos)
  add_custom_target(protos) # all of them: what clang-tidy needs
endif()

function(add_proto target file)
  string(REGEX REPLACE "\\.proto$" ".pb" made ${PROTO_FOLDER}/${file})
  add_custom_command(OUTPUT ${made}.cc ${made}.h
    COMMAND ${PROTOC} --cpp_out=${PROTO_FOLDER} -I${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/${file}
    DEPENDS ${CMAKE_SOURCE_DIR}/${file} VERBATIM)
  add_library(${target} STATIC ${made}.cc ${made}.h)
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC ${PROTO_FOLDER})
  target_link_libraries(${target} PUBLIC static_protobuf)
  add_custom_target(${target}_files DEPENDS ${made}.h)
  add_dependencies(protos ${target}_files)
endfunction()
