/** What the help teaches of each command: how it is called, and what happens then. */
import type { COMMANDS } from '../commands/index.js'

export interface Lesson {
  /** A command line without `tsrun` in front, and what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  /** Whole sentences. */
  readonly next: string
}

export const LESSONS: Readonly<Record<keyof typeof COMMANDS, Lesson>> = {
  checkpoint: {
    examples: [
      ['checkpoint --image-path /srv/saved web', 'it ends, and is saved'],
      ['checkpoint --leave-running --tcp-established web', 'it goes on, with its connections'],
      ['checkpoint --pre-dump --image-path /srv/1 web', 'its memory first'],
      ['checkpoint --image-path /srv/2 --parent-path ../1 web', 'then the rest, in a shorter time'],
    ],
    next: `The images have its processes, not its files: keep the root file system as it is. "tsrun restore" makes the container again.
After a failure it goes on; dump.log in the directory of the images tells more.`,
  },
  completion: {
    examples: [
      ['completion bash > /etc/bash_completion.d/tsrun', 'for all users of bash'],
      ['completion zsh > /usr/local/share/zsh/site-functions/_tsrun', 'for all users of zsh'],
      ['completion fish > ~/.config/fish/completions/tsrun.fish', 'for one user of fish'],
    ],
    next: 'The next shell that is started completes commands, flags, and the ids of containers.',
  },
  create: {
    examples: [
      ['create --bundle /srv/web web', 'from /srv/web/config.json'],
      ['create --console-socket /run/web.sock web', 'for a process with a terminal'],
    ],
    next: `The container is created: its namespaces, mounts, limits and hooks are there, its program is not yet started.
"tsrun start" starts it, "tsrun delete" removes it. Where create fails, nothing is left.`,
  },
  delete: {
    examples: [
      ['delete web', 'one that has stopped, or was never started'],
      ['delete --force web', 'whatever it does, and also if there is none'],
    ],
    next: 'Its cgroup, its state and what is left of its processes are gone, and its poststop hooks have run. The id is free again.',
  },
  doctor: {
    examples: [
      ['doctor', 'what a sandbox of this user has here, and why not more'],
      ['doctor --json', 'the same for a program'],
    ],
    next: 'What is not allowed has a remedy below it. "tsrun sandbox" runs with what there is, and says what is missing.',
  },
  events: {
    examples: [
      ['events --stats web', 'once'],
      ['events --interval 1s web', 'every second'],
    ],
    next: 'Each line is one JSON object of type "stats" or "oom". The command ends with the container, or by Control-C.',
  },
  exec: {
    examples: [
      ['exec -t web sh', 'a shell'],
      ['exec --user 1000:1000 --env LANG=C web ls -l /srv', 'as another user'],
      ['exec --process process.json --detach --pid-file web.pid web', 'as engines do it'],
    ],
    next: 'The process has the namespaces, cgroup and limits of the container, and ends with it. A paused container needs --ignore-paused.',
  },
  features: {
    examples: [['features', '']],
    next: 'Engines read from it what a configuration may ask for on this machine.',
  },
  image: {
    examples: [
      ['image pull alpine:3.18', 'into the store, from Docker Hub'],
      ['image ls', ''],
      ['image export alpine:3.18 alpine.tar', 'an archive that docker load and skopeo read'],
      ['image import alpine.tar', 'and back'],
      ['image push alpine:3.18 127.0.0.1:5000/alpine:3.18', 'to a registry of this machine'],
      ['image rm alpine:3.18', 'what no other image and no container needs is removed'],
    ],
    next: `A pull that is interrupted is gone on with by the next one. Images are kept in a store that skopeo and umoci read too; "tsrun run
--image NAME ID" runs one.`,
  },
  kill: {
    examples: [
      ['kill web', 'SIGTERM'],
      ['kill web HUP', 'by name'],
      ['kill web 9', 'by number'],
    ],
    next: `The signal has been sent, and nothing is waited for: "tsrun state" says "stopped" once the process has ended.
A first process that has no handler for a signal ignores all but SIGKILL and SIGSTOP.`,
  },
  list: {
    examples: [
      ['list', ''],
      ['list --format json', 'for programs; "null" where there are none'],
      ['list -q', 'ids only'],
    ],
    next: 'It shows the containers of one state directory: those of engines are in others (--root).',
  },
  pause: {
    examples: [['pause web', '']],
    next: 'No process of the container runs, and none knows of it, until "tsrun resume".',
  },
  plan: {
    examples: [
      ['plan /srv/web', 'the steps, each with the field that it comes from'],
      ['plan --format json .', 'for programs'],
    ],
    next: 'Nothing has been made. What "tsrun create" would refuse, this refuses too.',
  },
  ps: {
    examples: [
      ['ps web', ''],
      ['ps web -o pid,rss,args', 'with options of ps'],
      ['ps --format json web', 'the pids alone'],
    ],
    next: 'Pids are those of the host: they can be given to strace, nsenter or perf.',
  },
  restore: {
    examples: [
      ['restore --image-path /srv/saved --bundle /srv/web web', 'until it ends'],
      ['restore --detach --image-path /srv/saved web2', 'in the background, under another id'],
    ],
    next: `Its processes go on where they were saved. The bundle is the one that it was created from.
If restore fails, nothing is left; restore.log in the directory of the images tells more.`,
  },
  resume: {
    examples: [['resume web', '']],
    next: 'All processes of the container go on where they were.',
  },
  run: {
    examples: [
      ['run --bundle /srv/web web', 'until it ends'],
      ['run --detach --pid-file /run/web.pid web', 'in the background'],
      ['run --image alpine:3.18 --volume data:/srv web', 'of an image, with a directory that outlives it'],
    ],
    next: `Signals to the command go to the container; when that has ended it is deleted, unless --keep is given.
Detached, it goes on without the command: "tsrun list" shows it, "tsrun delete" removes it.`,
  },
  sandbox: {
    examples: [
      ['sandbox --mount .:/work:overlay -- make test', 'the folder stays as it is; what would have changed is said'],
      ['sandbox --allow registry.npmjs.org:443 --mount .:/work:rw -- npm ci', 'with one way out'],
      [
        'sandbox --image alpine --memory 256M --timeout 10s -- sh -c "cat > /tmp/x" < data',
        'from an image, with limits',
      ],
      [
        'sandbox --minimum landlock --mount "$PWD:$PWD:rw" -- make test',
        'also where there are no user namespaces, as in most containers',
      ],
      ['sandbox prune', 'what is left of sandboxes that were killed'],
    ],
    next: `The command gets its own streams, which are pipes: bytes go through as they are, and there is no terminal.
The end of the command is the end of all that it has started, and so is Ctrl-C.`,
  },
  spec: {
    examples: [
      ['spec --bundle /srv/web', 'to be edited, beside a root file system /srv/web/rootfs'],
      ['spec --host-root -- /bin/sh -c "echo hello"', 'without any image'],
      ['spec --rootless', 'for a user without privileges'],
    ],
    next: '"tsrun plan" shows what the configuration leads to, "tsrun run" runs it. An existing config.json is never replaced.',
  },
  start: {
    examples: [['start web', '']],
    next: `The program runs, and the poststart hooks have run. A program that could not be started leaves the container stopped.
With NOTIFY_SOCKET in the environment (of create too) the command waits until the container says READY=1.`,
  },
  state: {
    examples: [['state web', '']],
    next: 'The status is creating, created, running, paused or stopped; the pid is 0 where there is no process.',
  },
  update: {
    examples: [
      ['update --memory 512m --pids-limit 200 web', ''],
      ['update --resources - web < resources.json', 'linux.resources of a configuration'],
    ],
    next: 'The new limits hold at once and are kept with the container. A limit below what is in use is refused by the kernel.',
  },
  volume: {
    examples: [
      ['volume create data', 'it is filled when it is used first'],
      ['volume ls', ''],
      ['volume rm data', 'unless a container has it'],
    ],
    next: `"tsrun run --image NAME --volume data:/srv ID" mounts one, and makes it if need be. It is filled once: with what the image of its
first container has at that place, with owners and modes. After that it is what containers write to it, until it is removed.`,
  },
}
