// What the kernel of a network namespace refuses: it answers a SYN that nobody listens for with a reset, on
// the loopback device like everything else there.
#include "sys.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

enum { LOOPBACK = 1 };

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

enum { V6 = 13, TAKE = 21, DROP = 22 };

#define BYTE(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define WORD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
// At `here`: goes on if it is `value`, else elsewhere.
#define ONLY(here, value, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (other) - (here)-1)
#define UNLESS(here, value, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (other) - (here)-1, 0)

// RST and ACK with the sequence number 0. A connection that was there is reset with another one. The rest is
// what programs refuse each other on their loopback: nobody has to be woken for that.
static struct sock_filter refusals[] = {
    BYTE(0), // 0
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
    UNLESS(2, 0x60, V6),
    ONLY(3, 0x40, DROP),
    BYTE(9), // 4: the protocol
    ONLY(5, IPPROTO_TCP, DROP),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
    BPF_STMT(BPF_LD | BPF_B | BPF_IND, 13), // 7: the flags
    ONLY(8, 0x14, DROP),
    BPF_STMT(BPF_LD | BPF_W | BPF_IND, 4), // 9: the sequence number
    ONLY(10, 0, DROP),
    BYTE(12), // 11: who refuses
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 127, DROP - 12 - 1, TAKE - 12 - 1),
    BYTE(6), // 13: the protocol
    ONLY(14, IPPROTO_TCP, DROP),
    BYTE(40 + 13),
    ONLY(16, 0x14, DROP),
    WORD(40 + 4),
    ONLY(18, 0, DROP),
    WORD(8), // 19: ::1 is refused, the only one that begins with so many zeros
    UNLESS(20, 0, DROP),
    BPF_STMT(BPF_RET | BPF_K, 64), // TAKE: both headers up to the ports
    BPF_STMT(BPF_RET | BPF_K, 0),  // DROP
};

// A packet socket that was made in the namespace hears of them from now on, each with its headers from that
// of IP on.
EXPORT int ts_refusals_hear(int fd) {
  struct sock_fprog program = {sizeof refusals / sizeof *refusals, refusals};
  struct sockaddr_ll to = {
      .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = LOOPBACK};
  int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0)
    return -errno;
  return (int)result(bind(fd, (struct sockaddr *)&to, sizeof to));
}
