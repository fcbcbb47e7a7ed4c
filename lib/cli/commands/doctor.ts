import type { Diagnosis, Probe } from '../../sandbox/index.js'
import type { Command } from '../command.js'
import { print } from '../log.js'
import { failing } from '../open-runtime.js'
import { catchEnding } from '../signals.js'

export const command: Command = {
  summary: 'say what this machine allows of a sandbox, and what to do',
  usage: '[--json]',
  description: `Each part is tried, as this user; nothing is left behind.
The exit status is 0 if there can be sandboxes, else 1.`,
  flags: [{ name: 'json', help: 'print it as JSON' }],
  arguments: { min: 0, max: 0 },
  run: ({ flags }) => failing('doctor', () => run(flags.isOn('json'))),
}

async function run(isJson: boolean): Promise<number> {
  const { doctor } = await import('../sandbox-library.js')
  const signals = catchEnding()
  try {
    const diagnosis = await doctor({ signal: signals.cancel })
    print(isJson ? `${JSON.stringify(diagnosis, null, 2)}\n` : textOf(diagnosis))
    return diagnosis.isolation === null ? 1 : 0
  } finally {
    signals.release()
  }
}

function textOf({ kernel, uid, isolation, least, because, probes }: Diagnosis): string {
  const whole =
    isolation === null
      ? [
          `sandboxes: no: ${because}`,
          ...(least === null ? [] : [`  with minimum: 'landlock' (tsrun sandbox --minimum landlock) there are some`]),
        ]
      : [`sandboxes: ${isolation.level}`, ...isolation.missing.map(missing => `  without ${missing}`)]
  return [`Linux ${kernel}, uid ${uid}`, ...whole, ...probes.flatMap(linesOf)].map(line => `${line}\n`).join('')
}

function linesOf({ name, allowed, because, remedy }: Probe): string[] {
  const reason = because === '' ? '' : `: ${because}`
  return [
    `${name}: ${allowed ? 'yes' : 'no'}${reason}`,
    ...(remedy === '' ? [] : [`  remedy: ${remedy.replaceAll('\n', '\n  ')}`]),
  ]
}
