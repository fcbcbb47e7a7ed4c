// The state that ops share. Descriptors are -1 when they are not open; each is closed by its consumer.
#ifndef TSRUN_INIT_H
#define TSRUN_INIT_H

#include "plan.h"
#include "report.h"
#include "sys.h"
#include "timeline.h"

#define MAX_HOME 1024

struct init {
  struct report report; // where failures are told; first the control socket, then the one that `start` opened
  struct plan plan;
  struct timeline timeline;
  int first_slot; // descriptor of slot 0
  unsigned char slots_left[PLAN_MAX_SLOTS / 8];

  int root;     // every path is resolved in it: the root to be, then "/"
  int procfs;   // our own, or the container's if the kernel refuses one
  int null;     // the container's /dev/null, checked
  int empty;    // the tmpfs that masks directories, once it is attached somewhere
  int ruleset;  // of Landlock, until it restricts the process
  int lifeline; // has news once the process that made the container is gone

  int folder;            // of the device or link that was made last, if that was the op before
  const char *in_folder; // its path, of which the folder's is the beginning
  size_t folder_length;

  int stage;            // where the layers of the root are attached, while it is made of them
  uint32_t layer_count; // attached there by now

  uint64_t propagation; // MS_* of the mount namespace
  uint32_t caller_umask;
  bool building;       // no op of the IDENTITY phase has come yet
  bool follows_parent; // dies with the runtime
  bool leads_session;
  bool in_cwd;         // an optional chdir has worked
  const char *program; // chosen by resolve_exec
  bool wants_home;
  char home[sizeof "HOME=" + MAX_HOME];
};

// The descriptor of a slot, which the caller now owns.
int take_slot(struct init *init, uint64_t slot);

// Sends a descriptor over a socket, with a text.
void send_descriptor(const struct init *init, int to, int fd, const char *text);

// Closes a descriptor that may be open.
void drop(int *fd);

// Sends the barrier and waits for its release. An end of file, which is the runtime's death, ends the
// process.
void wait_at(struct init *init, enum op_code barrier);

// The second half of that.
void await_release(struct init *init, enum op_code barrier);

// Asks for SIGKILL when the runtime dies. Every change of credentials makes the kernel forget that.
void follow_parent(struct init *init);
void outlive_parent(struct init *init); // until follow_parent()
void leave_parent(struct init *init);

// Waits until one of the two has news; true: that the lifeline (-1: there is none) has been cut.
bool lifeline_is_cut(int lifeline, int other);

#define DECLARE_OP(code, name) void run_##name(struct init *init, struct name##_op *args);
EACH_OP(DECLARE_OP)
#undef DECLARE_OP

#endif
