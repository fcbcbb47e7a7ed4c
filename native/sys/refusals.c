// What the kernel of a network namespace refuses: it answers a SYN that nobody listens for with a reset, and
// a datagram of UDP with an error of ICMP, on the loopback device like everything else there.
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

// Where a part of the filter begins.
enum { ERROR_V4 = 14, V6 = 21, ERROR_V6 = 30, TAKE = 37, DROP = 38 };
// Of both headers of a datagram that ICMP tells of, behind 8 bytes of its own.
enum { PORT_UNREACHABLE_V4 = 0x0303, PORT_UNREACHABLE_V6 = 0x0104, OUTER = 40, INNER = OUTER + 8 };

#define BYTE(at) BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at)
#define HALF(at) BPF_STMT(BPF_LD | BPF_H | BPF_ABS, at)
#define WORD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at)
// At `here`: goes on if it is `value`, else elsewhere.
#define ONLY(here, value, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, (other) - (here)-1)
#define UNLESS(here, value, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, (other) - (here)-1, 0)

#define AT(size, at) BPF_STMT(BPF_LD | (size) | BPF_IND, at)
// The last of a part.
#define NEITHER(here, value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, DROP - (here)-1, TAKE - (here)-1)

// RST and ACK with the sequence number 0: a connection that was there is reset with another one. Or "port
// unreachable", of UDP. The rest is what programs refuse each other on their loopback: nobody has to be woken
// for that. A packet that is too short for what is looked at is dropped.
static struct sock_filter refusals[] = {
    BYTE(0), // 0
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
    UNLESS(2, 0x60, V6),
    ONLY(3, 0x40, DROP),
    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
    BYTE(9), // 5: the protocol
    UNLESS(6, IPPROTO_ICMP, ERROR_V4),
    ONLY(7, IPPROTO_TCP, DROP),
    AT(BPF_B, 13), // 8: the flags
    ONLY(9, 0x14, DROP),
    AT(BPF_W, 4), // 10: the sequence number
    ONLY(11, 0, DROP),
    BYTE(12), // 12: who refuses
    NEITHER(13, 127),
    AT(BPF_H, 0), // ERROR_V4: type and code
    ONLY(15, PORT_UNREACHABLE_V4, DROP),
    AT(BPF_B, 8 + 9), // 16: the protocol
    ONLY(17, IPPROTO_UDP, DROP),
    AT(BPF_W, 8 + 20), // 18: all of it is there
    AT(BPF_B, 8 + 16), // 19: who refuses
    NEITHER(20, 127),
    BYTE(6), // V6: the protocol
    UNLESS(22, IPPROTO_ICMPV6, ERROR_V6),
    ONLY(23, IPPROTO_TCP, DROP),
    BYTE(OUTER + 13),
    ONLY(25, 0x14, DROP),
    WORD(OUTER + 4),
    ONLY(27, 0, DROP),
    WORD(8), // 28: ::1 is refused, the only one that begins with so many zeros
    NEITHER(29, 0),
    HALF(OUTER), // ERROR_V6
    ONLY(31, PORT_UNREACHABLE_V6, DROP),
    BYTE(INNER + 6), // 32: the protocol
    ONLY(33, IPPROTO_UDP, DROP),
    WORD(INNER + 40), // 34: all of it is there
    WORD(INNER + 24), // 35: who refuses
    NEITHER(36, 0),
    BPF_STMT(BPF_RET | BPF_K, 192), // TAKE: all headers up to the ports
    BPF_STMT(BPF_RET | BPF_K, 0),   // DROP
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
