/** A schema or a message is not what Avro says. The text names types and fields and quotes no value. */
export class AvroError extends Error {
  override readonly name: string = "AvroError";
}
