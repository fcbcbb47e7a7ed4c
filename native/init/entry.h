#ifndef TSRUN_ENTRY_H
#define TSRUN_ENTRY_H

// What the kernel has laid on the stack: how many arguments, then the arguments.
_Noreturn void start(long *stack);

// Any static program starts here; the rest of what a libc would set up is not needed. TSRUN_HOSTED: with a C
// library, to be tried under sanitizers.
#if defined(TSRUN_HOSTED)
#elif defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
#elif defined(__aarch64__)
__asm__(
    ".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n and sp, x0, #-16\n b start\n");
#elif defined(__riscv)
__asm__(".text\n.globl _start\n_start:\n .option push\n .option norelax\n la gp, __global_pointer$\n .option "
        "pop\n"
        " mv a0, sp\n andi sp, sp, -16\n tail start\n");
#endif

#endif
