import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { CHOICES, REQUIREMENTS } from './requirements.js'

t.test('docs/conformance.md is what the generator makes of the table', async t => {
  const generated = execFileSync(process.execPath, ['scripts/conformance.mjs', '--print'], { encoding: 'utf8' })
  t.equal(readFileSync('docs/conformance.md', 'utf8'), generated, 'run `npm run generate`')
})

t.test('every requirement has a test or a reason, and a reason wherever it is not met', async t => {
  t.ok(REQUIREMENTS.length > 150)
  const bare = REQUIREMENTS.filter(({ status, reason, tests }) => {
    const mayBeUntested = status === 'no'
    return (status !== 'yes' && reason.length < 20) || (tests.length === 0 && !mayBeUntested)
  })
  t.same(
    bare.map(({ anchor, says }) => `${anchor}: ${says}`),
    [],
  )
  t.ok(CHOICES.every(({ why, tests }) => why.length > 20 && tests.length > 0))
})

t.test("what is done in part is so for a reason that is the kernel's", async t => {
  const partial = REQUIREMENTS.filter(({ status }) => status === 'partial' || status === 'no')
  t.same(
    partial.filter(({ reason }) => !/\bkernel\b/.test(reason)).map(({ anchor, says }) => `${anchor}: ${says}`),
    [],
  )
})

t.test('no requirement is there twice, and each belongs to a page of the specification', async t => {
  const named = REQUIREMENTS.map(({ anchor, says }) => `${anchor}: ${says}`)
  t.same(
    named.filter((name, index) => named.indexOf(name) !== index),
    [],
  )
  const pages = /^(?:config|config-linux|runtime|runtime-linux|features|features-linux)\.md#[a-z-]+$/
  t.same(
    REQUIREMENTS.filter(({ anchor }) => !pages.test(anchor)),
    [],
  )
})

t.test('every test that is named is where it is said to be', async t => {
  const known = new Map<string, ReadonlySet<string>>()
  const titlesOf = (file: string) => {
    const titles = known.get(file) ?? titlesIn(file)
    known.set(file, titles)
    return titles
  }
  const tests = [...REQUIREMENTS, ...CHOICES].flatMap(({ tests }) => tests)
  const missing = tests.filter(({ file, title }) => !titlesOf(file).has(title))
  t.same([...new Set(missing.map(({ file, title }) => `${file}: ${title}`))], [])
  t.ok(known.size > 30)
})

/** The titles of a file's tests; each part of a template that varies is `…`. */
function titlesIn(path: string): ReadonlySet<string> {
  const titles = new Set<string>()
  if (!existsSync(path)) return titles
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && /(?:^|\.)test$/.test(node.expression.getText(file))) {
      const [title] = node.arguments
      if (title !== undefined) titles.add(textOf(title))
    }
    ts.forEachChild(node, visit)
  }
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest)
  visit(file)
  return titles
}

function textOf(title: ts.Expression): string {
  if (ts.isStringLiteralLike(title)) return title.text
  if (!ts.isTemplateExpression(title)) return ''
  return title.head.text + title.templateSpans.map(({ literal }) => `…${literal.text}`).join('')
}
