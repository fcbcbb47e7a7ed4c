// The init helper (native/init), as it was compiled.
    .section .rodata
    .global tsrun_helper
    .global tsrun_helper_end
    .balign 16
tsrun_helper:
    .incbin "tsrun-init"
tsrun_helper_end:
    .section .note.GNU-stack, "", %progbits
