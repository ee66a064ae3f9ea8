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

# embed_table(TARGET SYMBOL NAME FILE [NAME FILE]...): the bytes of each FILE inside TARGET, found through a table at
# SYMBOL, up to SYMBOL_end, of {name, first byte, end}; names and files end in a zero byte that does not count.
function(embed_table target symbol)
  set(texts "")
  set(rows "")
  set(files "")
  set(index 0)
  while(ARGN)
    list(POP_FRONT ARGN name file)
    get_filename_component(real ${file} REALPATH)
    string(APPEND texts "${symbol}_name${index}:\n    .asciz \"${name}\"\n${symbol}_text${index}:\n"
      "    .incbin \"${real}\"\n${symbol}_text${index}_end:\n    .byte 0\n")
    string(APPEND rows "    .quad ${symbol}_name${index}, ${symbol}_text${index}, ${symbol}_text${index}_end\n")
    list(APPEND files ${real})
    math(EXPR index "${index} + 1")
  endwhile()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.S)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT [[
    .section .rodata
@texts@
    .section .data.rel.ro,"aw"
    .balign 16
    .global @symbol@
    .global @symbol@_end
@symbol@:
@rows@
@symbol@_end:
    .section .note.GNU-stack,"",%progbits
]])
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS "${files}" LANGUAGE ASM COMPILE_OPTIONS "-w")
  target_sources(${target} PRIVATE ${source})
endfunction()
