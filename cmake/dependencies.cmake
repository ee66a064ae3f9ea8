# Everything comes from Debian's packages (`./dev setup` installs them). libbpf and elfutils are linked statically, so
# that the binary runs on a host that has neither.
include_directories(${CMAKE_SOURCE_DIR})

find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED) # its headers; base/ has its compiled half

add_library(static_bpf INTERFACE)
target_link_libraries(static_bpf INTERFACE -l:libbpf.a -l:libelf.a -l:libz.a)

add_library(static_dw INTERFACE)
target_link_libraries(static_dw INTERFACE -l:libdw.a -l:libelf.a -l:libz.a -l:libbz2.a -l:liblzma.a -l:libzstd.a)

add_library(static_re2 INTERFACE)
target_link_libraries(static_re2 INTERFACE -l:libre2.a)

# Recordings: protobuf's small run-time library, zstd's frames, xxHash (all of it in its header).
add_library(static_protobuf INTERFACE)
find_package(Threads REQUIRED)
target_link_libraries(static_protobuf INTERFACE -l:libprotobuf-lite.a Threads::Threads)
add_library(static_zlib INTERFACE)
target_link_libraries(static_zlib INTERFACE -l:libz.a)
add_library(static_zstd INTERFACE)
target_link_libraries(static_zstd INTERFACE -l:libzstd.a)

add_library(static_ncurses INTERFACE)
target_link_libraries(static_ncurses INTERFACE -l:libncursesw.a -l:libtinfo.a)
