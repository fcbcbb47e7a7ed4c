#ifndef TSRUN_PROGRAM_H
#define TSRUN_PROGRAM_H

// Becomes the program that the file at the descriptor names; -errno: it can't.
long execute_program(int fd);

// `tsrun-init = N`: becomes that of descriptor N, which stays a child of the runtime; it gets the descriptors
// below N.
_Noreturn void become_program(int fd);

#endif
