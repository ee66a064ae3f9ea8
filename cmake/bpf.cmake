# add_bpf_skeleton(NAME): bpf/NAME.bpf.c -> NAME.skel.h, a CO-RE object inside a C header.
find_program(BPF_CLANG NAMES clang-19 REQUIRED)
find_program(BPFTOOL NAMES bpftool PATHS /usr/sbin /sbin REQUIRED)

set(BPF_GENERATED ${CMAKE_BINARY_DIR}/bpf)
file(MAKE_DIRECTORY ${BPF_GENERATED})

# The kernel's types, from the BTF of the machine that builds; CO-RE adjusts the offsets on the machine that runs.
function(add_vmlinux_header)
  add_custom_command(OUTPUT ${BPF_GENERATED}/vmlinux.h
    COMMAND ${BPFTOOL} btf dump file /sys/kernel/btf/vmlinux format c > ${BPF_GENERATED}/vmlinux.h
    VERBATIM)
  add_custom_target(vmlinux_header DEPENDS ${BPF_GENERATED}/vmlinux.h)
endfunction()

function(add_bpf_skeleton name)
  set(object ${BPF_GENERATED}/${name}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${BPF_CLANG} -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_x86
            -I${CMAKE_SOURCE_DIR} -I${BPF_GENERATED} -MD -MF ${object}.d
            -c ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c -o ${object}
    DEPENDS ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c ${BPF_GENERATED}/vmlinux.h
    DEPFILE ${object}.d VERBATIM)
  add_custom_command(OUTPUT ${BPF_GENERATED}/${name}.skel.h
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${BPF_GENERATED}/${name}.skel.h
    DEPENDS ${object} VERBATIM)
  add_custom_target(${name}_skeleton DEPENDS ${BPF_GENERATED}/${name}.skel.h)
  add_dependencies(${name}_skeleton vmlinux_header)
  add_dependencies(bpf_skeletons ${name}_skeleton)
endfunction()
