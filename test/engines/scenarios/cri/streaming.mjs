/** What goes through the engine's streaming server: `kubectl exec`, `attach` and `port-forward`. */
import { sh } from '../../cri/pods.mjs'
import { ask, converse } from '../../cri/streams.mjs'

const forever = ['sleep', '1000']
const all = { stdin: true, stdout: true, stderr: true }
const terminal = { stdin: true, stdout: true, tty: true }

const execUrl = async (node, container, request) =>
  (await node.call('Exec', { containerId: container.id, ...request })).url

const attachUrl = async (node, container, request) =>
  (await node.call('Attach', { containerId: container.id, ...request })).url

/** @type {readonly import('../cri.mjs').CriScenario[]} */
export const streamingScenarios = [
  {
    title: 'exec with streams: output, errors, input, exit code',
    play: async (node, say) => {
      const pod = await node.runPod()
      const one = await pod.start({ command: forever })
      const exec = cmd => execUrl(node, one, { cmd, stdout: true, stderr: true })
      say(await converse(await exec(sh('echo out; echo err >&2'))))
      say(await converse(await exec(sh('echo out; exit 5'))))
      say((await converse(await exec(['/nowhere']))).status.status)
      const cmd = sh('echo ready; read line; echo "got $line"; echo done >&2; exit 2')
      say(await converse(await execUrl(node, one, { cmd, ...all }), { steps: [['ready', 'a line\n']] }))
      const much = sh('head -c 2000000 /dev/zero | tr "\\0" x')
      say((await converse(await exec(much))).stdout.length)
    },
  },
  {
    title: 'exec with a terminal: its size, its signals, its end',
    play: async (node, say) => {
      const pod = await node.runPod()
      const one = await pod.start({ command: forever })
      const talk = async (script, options) => {
        const { seen, stdout, status } = await converse(
          await execUrl(node, one, { cmd: sh(script), ...terminal }),
          options,
        )
        say({ seen, stdout, status })
      }
      await talk('tty; ls -l /dev/console | cut -c1; echo $TERM; exit 4')
      const sized =
        'for i in $(seq 300); do [ "$(stty size 2>/dev/null)" = "33 77" ] && break; sleep 0.1; done; stty size; stty -a | grep -c isig'
      await talk(sized, { size: { Width: 77, Height: 33 } })
      await talk('trap "echo interrupted; exit 6" INT; echo ready; for i in $(seq 300); do sleep 0.1; done', {
        steps: [['ready', '\x03']],
      })
      await talk('stty -echo; echo ready; read a; echo "[$a]"; cat; echo end', {
        steps: [
          ['ready', 'typed\n'],
          ['[typed]', 'more\n'],
          ['more', '\x04'],
        ],
      })
    },
  },
  {
    title: 'attach to input and output, and to a terminal',
    play: async (node, say) => {
      const pod = await node.runPod()
      const script = 'echo ready; while read line; do echo "got $line"; [ "$line" = end ] && exit 3; done'
      const plain = await pod.start({ command: sh(script), stdin: true })
      await plain.said('ready')
      const steps = [['got one', 'end\n']]
      const talk = converse(await attachUrl(node, plain, all), { steps: [['', 'one\n'], ...steps] })
      say((await talk).seen)
      say(await plain.ended())
      say(plain.lines())
      const shell = await pod.start({ command: ['sh'], stdin: true, tty: true })
      const { seen, stdout } = await converse(await attachUrl(node, shell, terminal), {
        steps: [
          ['', 'stty -echo; PS1=; tty\n'],
          ['/dev/pts/0', 'exit 8\n'],
        ],
      })
      say({ tty: seen.includes('/dev/pts/0'), rest: stdout.trim() })
      say(await shell.ended())
      const once = await pod.start({ command: sh('cat; echo end'), stdin: true, stdinOnce: true })
      const url = await attachUrl(node, once, all)
      const typed = converse(url, {
        steps: [
          ['', 'line\n'],
          ['line', ''],
        ],
      })
      await once.said('line')
      await once.stop(0)
      await typed
      say(once.lines())
    },
  },
  {
    title: 'a port of the pod is forwarded',
    play: async (node, say) => {
      const pod = await node.runPod()
      const serve =
        'mkdir /www; echo hello > /www/index.html; httpd -p 127.0.0.1:8080 -h /www; echo ready; exec sleep 1000'
      const one = await pod.start({ command: sh(serve) })
      await one.said('ready')
      for (let times = 0; times < 3; times++) {
        const { url } = await node.call('PortForward', { podSandboxId: pod.id, port: [8080] })
        const answer = await ask(url, { port: 8080, request: 'GET / HTTP/1.0\r\n\r\n', expected: 'hello\n' })
        say(answer.split('\r\n')[0])
      }
    },
  },
]
