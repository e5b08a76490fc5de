// nodemailer's pool as its manual shows it: node nodemailer_pool.mjs MODULE PORT CONNECTIONS FORM < mail
//
// `mail` is one JSON object: {messages: [{to, subject, raw?}], from, text, html}. FORM `text`: it
// builds each message from the text and HTML that it is given; `raw`: it is given finished messages.
// Prints the seconds from the first message handed over to the last one answered.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const [module, port, connections, form] = process.argv.slice(2)
const nodemailer = createRequire(module)('nodemailer')
const { from, text, html, messages } = JSON.parse(readFileSync(0, 'utf8'))
const transporter = nodemailer.createTransport({
  host: '127.0.0.1',
  port: Number(port),
  ignoreTLS: true,
  pool: true,
  maxConnections: Number(connections),
  maxMessages: Infinity
})
const mail = messages.map(({ to, subject, raw }) =>
  form === 'raw' ? { envelope: { from, to }, raw } : { from, to, subject, text, html }
)
const began = process.hrtime.bigint()
await Promise.all(mail.map((message) => transporter.sendMail(message)))
console.log(Number(process.hrtime.bigint() - began) / 1e9)
transporter.close()
