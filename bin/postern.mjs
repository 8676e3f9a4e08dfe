#!/usr/bin/env node
// Plain JavaScript, since the person's Node.js reads it first and may be one that does not know TypeScript.
import { launch } from '../scripts/run.mjs'

await launch('src/cli/main.ts', process.argv.slice(2))
