// Tries, in a container with the option landlock, what its arguments say, and tells of each "done" or the
// errno: open PATH, write PATH, make PATH, remove PATH, cut PATH, move PATH TO, execute PATH, ioctl PATH,
// connect PORT, bind PORT, signal PID, abstract NAME; `listen NAME` listens at an abstract socket until it is
// killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int kept(int fd) {
  return fd; // closed by the end of this process
}

static int execute(const char *path) {
  int status, pid = fork();
  if (pid == 0) {
    execl(path, path, (char *)NULL);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

static int tcp(int port, int (*use)(int, const struct sockaddr *, socklen_t)) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  return use(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof address);
}

static int local(const char *name, int (*use)(int, const struct sockaddr *, socklen_t)) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path + 1, name);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  int result =
      use(fd, (struct sockaddr *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
  return result == 0 ? fd : result;
}

static int listen_for_ever(const char *name) {
  if (listen(local(name, bind), 8) < 0)
    return -1;
  puts("listening");
  fflush(stdout);
  for (;;)
    pause();
}

static int attempt(const char *what, const char *of, const char *to) {
  int fields;
  if (strcmp(what, "open") == 0)
    return kept(open(of, O_RDONLY));
  if (strcmp(what, "write") == 0)
    return kept(open(of, O_WRONLY));
  if (strcmp(what, "make") == 0)
    return kept(open(of, O_WRONLY | O_CREAT | O_EXCL, 0644));
  if (strcmp(what, "remove") == 0)
    return unlink(of);
  if (strcmp(what, "cut") == 0)
    return truncate(of, 0);
  if (strcmp(what, "move") == 0)
    return rename(of, to);
  if (strcmp(what, "execute") == 0)
    return execute(of);
  if (strcmp(what, "ioctl") == 0)
    return ioctl(open(of, O_RDONLY), FIONREAD, &fields);
  if (strcmp(what, "connect") == 0)
    return tcp(atoi(of), connect);
  if (strcmp(what, "bind") == 0)
    return tcp(atoi(of), bind);
  if (strcmp(what, "signal") == 0)
    return kill(atoi(of), 0);
  if (strcmp(what, "abstract") == 0)
    return local(of, connect);
  if (strcmp(what, "listen") == 0)
    return listen_for_ever(of);
  errno = ENOSYS;
  return -1;
}

int main(int count, char **words) {
  for (int i = 1; i + 1 < count; i += 2) {
    const char *to = strcmp(words[i], "move") == 0 ? words[i + 2] : NULL;
    errno = 0;
    int result = attempt(words[i], words[i + 1], to);
    printf("%s %s: %s\n", words[i], words[i + 1], result < 0 ? strerrorname_np(errno) : "done");
    i += to != NULL;
  }
  return 0;
}
