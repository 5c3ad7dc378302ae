-- AlterTable
ALTER TABLE "checkpoint" ADD COLUMN     "origin" JSONB;
