# add_bpf_skeleton(NAME [FOLDER]): FOLDER/NAME.bpf.c (bpf/ where no folder is named) -> NAME.skel.h, a CO-RE object
# inside a C header.
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
  set(folder bpf)
  if(ARGC GREATER 1)
    set(folder ${ARGV1})
  endif()
  set(object ${BPF_GENERATED}/${name}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${BPF_CLANG} -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_x86
            -I${CMAKE_SOURCE_DIR} -I${BPF_GENERATED} -MD -MF ${object}.d
            -c ${CMAKE_SOURCE_DIR}/${folder}/${name}.bpf.c -o ${object}
    DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/${name}.bpf.c ${BPF_GENERATED}/vmlinux.h
    DEPFILE ${object}.d VERBATIM)
  add_custom_command(OUTPUT ${BPF_GENERATED}/${name}.skel.h
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf > ${BPF_GENERATED}/${name}.skel.h
    DEPENDS ${object} VERBATIM)
  add_custom_target(${name}_skeleton DEPENDS ${BPF_GENERATED}/${name}.skel.h)
  add_dependencies(${name}_skeleton vmlinux_header)
  add_dependencies(bpf_skeletons ${name}_skeleton)
  add_dependencies(skeletons ${name}_skeleton)
endfunction()

# add_bpf_script(TARGET SYMBOL FILE): a monitor script (bpf/stakeout.h) compiled ahead and embedded into TARGET between
# SYMBOL and SYMBOL_end, so that a recipe never starts Clang.
include(embed)
function(add_bpf_script target symbol file)
  set(object ${BPF_GENERATED}/${symbol}.bpf.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${BPF_CLANG} -g -O2 -Wall -Werror -target bpf -mcpu=v3 -D__TARGET_ARCH_x86
            -I${CMAKE_SOURCE_DIR} -I${CMAKE_SOURCE_DIR}/bpf -I${BPF_GENERATED} -MD -MF ${object}.d
            -c ${CMAKE_CURRENT_SOURCE_DIR}/${file} -o ${object}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${BPF_GENERATED}/vmlinux.h
    DEPFILE ${object}.d VERBATIM)
  add_custom_target(${symbol}_script DEPENDS ${object})
  add_dependencies(${symbol}_script vmlinux_header)
  add_dependencies(${target} ${symbol}_script)
  embed_file(${target} ${symbol} ${object})
endfunction()
