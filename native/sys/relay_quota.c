// Limits of open connections, each for some servers: kept by the thread that accepts, so that no burst
// exceeds them.
#include "relay.h"
#include <errno.h>
#include <stdlib.h>

static struct quota *find(const struct relay *relay, uint32_t number) {
  struct quota *quota = relay->quotas;
  while (quota != NULL && quota->number != number)
    quota = quota->next;
  return quota;
}

static struct quota *make(struct relay *relay, const struct server *server) {
  struct quota *quota = calloc(1, sizeof *quota);
  if (quota == NULL)
    return NULL;
  *quota = (struct quota){.number = server->quota_number, .most = server->most, .next = relay->quotas};
  relay->quotas = quota;
  return quota;
}

int hold_quota(struct relay *relay, struct server *server) {
  struct quota *known = find(relay, server->quota_number);
  server->quota = known != NULL ? known : make(relay, server);
  if (server->quota == NULL)
    return -ENOMEM;
  server->quota->servers++;
  return 0;
}

static void free_unused(struct relay *relay, struct quota *quota) {
  if (quota->servers + quota->open > 0)
    return;
  struct quota **link = &relay->quotas;
  while (*link != quota)
    link = &(*link)->next;
  *link = quota->next;
  free(quota);
}

void let_quota_go(struct relay *relay, const struct server *server) {
  if (server->quota == NULL)
    return;
  server->quota->servers--;
  free_unused(relay, server->quota);
}

bool take_place(struct connection *connection, struct quota *quota) {
  if (quota->open >= quota->most)
    return false;
  quota->open++;
  connection->quota = quota;
  return true;
}

void leave_place(struct relay *relay, struct connection *connection) {
  connection->quota->open--;
  free_unused(relay, connection->quota);
  connection->quota = NULL;
}
