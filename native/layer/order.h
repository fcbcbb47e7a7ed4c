// What tsrun-layer is told, one order after the other: a head of 40 bytes (little-endian), then a first and
// a second text. lib/layer/orders.ts writes them.
#ifndef TSRUN_LAYER_ORDER_H
#define TSRUN_LAYER_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_PATH 4095
#define MAX_NAME 255
#define MAX_DEPTH 512
#define MAX_VALUE 65536
#define HEAD_SIZE 40

enum order_code {
  ORDER_DIRECTORY = 1, // first: path, empty for the target itself; what comes next is about it, until FINISH
  ORDER_FILE,          // first: path; the same
  ORDER_DATA,          // second: what goes on in the file, any number of bytes
  ORDER_HOLE,          // number: how many bytes of the file are a hole
  ORDER_ATTRIBUTE,     // first: name; second: value
  ORDER_FINISH,
  ORDER_LINK,     // first: path; second: the target's path
  ORDER_SYMLINK,  // first: path; second: what it says
  ORDER_NODE,     // first: path; mode with the type (fifo, device); device
  ORDER_WHITEOUT, // first: path of what is gone
  ORDER_OPAQUE,   // first: path of the directory, empty for the target itself
  ORDER_SETTLE,   // first: path of a directory, which gets its mode and times
  ORDER_CLEAR,    // all that is below the target
  ORDER_READ,     // first: path; what is there is told (read.c)
  ORDER_SYNC,     // all that has been written is on the disk, and what else its file system has to write
  ORDER_END,
};

// As it comes.
struct head {
  uint8_t code;
  uint8_t zero;
  uint16_t first;
  uint32_t second;
  uint32_t mode;
  uint32_t uid, gid;
  uint32_t device; // as mknod(2) has it
  int64_t number;  // the time in seconds, or the size of a hole
  uint32_t nanoseconds;
  uint32_t also_zero;
};

// The head's texts are checked with the rules of its code: NULL, or what is wrong with it.
const char *check_head(const struct head *head);
const char *check_texts(const struct head *head, const char *first, const char *second);

// No "", ".", "..", no leading or trailing slash, no NUL; names and depth within the limits.
bool is_path(const char *path, size_t length);

#endif
