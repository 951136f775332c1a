// Package report owns how the figures of a run look: the model that JSON is written from, tables in text and Markdown, and the chart.
// It does not measure, and judges nothing but whether a figure is within its goal.
package report
