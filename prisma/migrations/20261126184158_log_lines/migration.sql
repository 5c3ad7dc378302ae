-- CreateTable
CREATE TABLE "log_line" (
    "id" BIGSERIAL NOT NULL,
    "job_id" UUID NOT NULL,
    "attempt" INTEGER,
    "arm" TEXT,
    "level" INTEGER NOT NULL,
    "message" TEXT NOT NULL,
    "details" JSONB NOT NULL,
    "at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "log_line_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "log_line_job_id_id_idx" ON "log_line"("job_id", "id");

-- AddForeignKey
ALTER TABLE "log_line" ADD CONSTRAINT "log_line_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "job"("id") ON DELETE CASCADE ON UPDATE CASCADE;
