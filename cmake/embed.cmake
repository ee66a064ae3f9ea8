# embed_file(TARGET SYMBOL FILE): the bytes of FILE inside TARGET, between the symbols SYMBOL and SYMBOL_end.
enable_language(ASM)

function(embed_file target symbol file)
  get_filename_component(real ${file} REALPATH)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  # The note keeps the linker from giving the whole program an executable stack.
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
    .section .rodata
    .balign 16
    .global @symbol@
    .global @symbol@_end
@symbol@:
    .incbin "@real@"
@symbol@_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${real} LANGUAGE ASM COMPILE_OPTIONS "-w")
  target_sources(${target} PRIVATE ${source})
endfunction()
