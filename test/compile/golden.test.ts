/** UPDATE=1 writes the plans anew; the difference is for a reviewer to read. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { compile, compileHook } from '../../lib/compile/index.js'
import { encodePlan } from '../../lib/plan/encode.js'
import { printPlan } from '../../lib/plan/print.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { CASE_NAMES, fileOf, readCase } from './cases.js'

const IN_CONTAINER = ['createContainer', 'startContainer'] as const

/** The container's plan, the warnings, and the plans of the hooks that run in the container. */
function textOf(name: string): string {
  const input = readCase(name)
  const { plan, warnings } = compile(input)
  const hooks = IN_CONTAINER.flatMap(kind =>
    input.config.hooks[kind].map(hook => compileHook({ ...input, kind, hook })),
  )
  for (const each of [plan, ...hooks]) {
    verifyPlan(each)
    encodePlan(each)
  }
  const warned = warnings.map(warning => `warning: ${warning}\n`).join('')
  return [printPlan(plan), warned, ...hooks.map(hook => printPlan(hook))].filter(text => text !== '').join('\n')
}

for (const name of CASE_NAMES) {
  t.test(`the plan of ${name} is the one that was reviewed`, async t => {
    const file = fileOf(name, 'plan.txt')
    const text = textOf(name)
    if (process.env.UPDATE === '1' || !existsSync(file)) {
      if (process.env.UPDATE !== '1') t.fail('plan.txt is missing: run with UPDATE=1')
      else writeFileSync(file, text)
    }
    t.equal(existsSync(file) ? readFileSync(file, 'utf8') : '', text)
  })
}
