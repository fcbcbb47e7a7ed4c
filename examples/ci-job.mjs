/**
 * A job of continuous integration: steps over a copy of a checkout, with the way out that it needs and no other, and the files that it is to hand over.
 * `node examples/ci-job.mjs CHECKOUT job.json`, where the job is `{ "steps": ["make"], "allow": ["example.org:443"], "artifacts": ["out/app"] }`
 */
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Sandbox } from 'tsrun/sandbox'

export async function runJob(
  checkout,
  { steps, allow = [], artifacts = [] },
  { out = 'artifacts', log = console.log } = {},
) {
  const box = await Sandbox.create({
    mounts: [{ source: checkout, target: '/work', mode: 'overlay' }],
    network: allow.length > 0 ? { allow } : 'none',
    limits: { disk: '256M' },
  })
  try {
    for (const step of steps) {
      log(`$ ${step}`)
      const { verdict, denials } = await box.commands.run(step, { onStdout: log, onStderr: log, timeoutMs: 600_000 })
      for (const { host, port } of denials) log(`refused: ${host}:${port ?? '*'}`)
      if (verdict !== 'ok') return verdict
    }
    for (const name of artifacts) {
      const target = join(out, name)
      mkdirSync(dirname(target), { recursive: true })
      await pipeline(await box.files.readStream(`/work/${name}`), createWriteStream(target))
    }
    return 'ok'
  } finally {
    await box.stop()
  }
}

const [checkout, job] = process.argv.slice(2)
if (job !== undefined) {
  const verdict = await runJob(checkout, JSON.parse(readFileSync(job, 'utf8')))
  console.log(verdict)
  process.exitCode = verdict === 'ok' ? 0 : 1
}
