// TensorBoard's event files: TFRecord frames (length, its checksum, record, its checksum; CRC-32C, masked) around the protocol buffers Event and Summary of
// tensorflow/core/util/event.proto and framework/summary.proto, of which only scalars and texts are written.
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { armsOf, pointsOf, type JobReport, type Point } from './job-report.ts';

const CRC_POLYNOMIAL = 0x82f63b78; // Castagnoli's, reversed
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CRC_POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32C (RFC 3720). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

function masked(bytes: Uint8Array): Buffer {
  const crc = crc32c(bytes);
  const word = Buffer.alloc(4);
  word.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return word;
}

function frame(record: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(record.length));
  return Buffer.concat([length, masked(length), record, masked(record)]);
}

// Wire types of protocol buffers.
const [VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES] = [0, 1, 2, 5];

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  do {
    bytes.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function field(number: number, wire: number, content: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | wire), content]);
}

function whole(number: number, value: number): Buffer {
  return field(number, VARINT, varint(value));
}

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return field(number, EIGHT_BYTES, bytes);
}

function float(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return field(number, FOUR_BYTES, bytes);
}

function text(number: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return field(number, BYTES, Buffer.concat([varint(bytes.length), bytes]));
}

function event(timeMs: number, step: number, content: Buffer): Buffer {
  return frame(Buffer.concat([double(1, timeMs / 1000), whole(2, step), content]));
}

function scalar({ name, step, value, timeMs }: Point): Buffer {
  const summary = text(1, Buffer.concat([text(1, name), float(2, value)]));
  return event(timeMs, step, text(5, summary));
}

/** A text for TensorBoard's text plug-in: a string tensor of one value. */
function note(name: string, words: string, timeMs: number): Buffer {
  const DT_STRING = 7;
  const shape = text(2, text(2, whole(1, 1)));
  const tensor = Buffer.concat([whole(1, DT_STRING), shape, text(8, words)]);
  const metadata = text(1, text(1, 'text'));
  return event(timeMs, 0, text(5, text(1, Buffer.concat([text(1, name), text(8, tensor), text(9, metadata)]))));
}

/** The beginning of an event file: its version, and the job's spec and effects as texts. */
function opening(report: JobReport): Buffer {
  const timeMs = Date.parse(report.job.createdAt);
  const json = (value: unknown) => `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``;
  return Buffer.concat([
    frame(Buffer.concat([double(1, timeMs / 1000), text(3, 'brain.Event:2')])),
    note('job/spec', json(report.job.spec), timeMs),
    note('job/effects', json(report.effects), timeMs),
  ]);
}

/** One log folder an arm. Files are begun anew; figures of later reports are added behind those that they have. */
export class TensorboardLog {
  readonly #last = new Map<string, number>();

  constructor(private readonly folder: string) {}

  /** Writes what the report has beyond the last one. Returns the number of figures. */
  write(report: JobReport): number {
    let numPoints = 0;
    for (const arm of armsOf(report)) {
      const last = this.#last.get(arm);
      const points = pointsOf(report, arm, last).sort((a, b) => a.step - b.step);
      const events = Buffer.concat(points.map(scalar));
      const path = this.#pathOf(report, arm);
      if (last === undefined) {
        mkdirSync(join(this.folder, arm), { recursive: true });
        writeFileSync(`${path}.new`, Buffer.concat([opening(report), events]));
        renameSync(`${path}.new`, path);
      } else {
        appendFileSync(path, events);
      }
      this.#last.set(arm, Math.max(last ?? -1, ...points.map(({ step }) => step)));
      numPoints += points.length;
    }
    return numPoints;
  }

  #pathOf({ job }: JobReport, arm: string): string {
    const seconds = Math.floor(Date.parse(job.createdAt) / 1000);
    return join(this.folder, arm, `events.out.tfevents.${seconds}.tiresias-${job.id}`);
  }
}
