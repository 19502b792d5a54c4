package still

import (
	"context"
	"fmt"
	"strings"

	"modernc.org/quickjs"
)

func compile(script string) ([]byte, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	defer vm.Close()
	return vm.Compile(script, quickjs.EvalGlobal)
}

// run lays one chart out in an engine of its own: ids count up within an engine, and a shared one could not be interrupted.
func (r *Renderer) run(ctx context.Context, option string, width, height int) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return "", fmt.Errorf("start the script engine: %w", err)
	}
	defer vm.Close()
	vm.SetMemoryLimit(r.memory)
	vm.SetGCThreshold(r.memory / 4)
	if err := vm.SetEvalTimeout(r.timeout); err != nil {
		return "", fmt.Errorf("limit the script's time: %w", err)
	}
	stop := context.AfterFunc(ctx, vm.Interrupt)
	defer stop()

	if _, err := vm.EvalBytecode(r.bytecode); err != nil {
		return "", r.cause(ctx, err)
	}
	got, err := vm.Call("still", option, width, height, r.setup)
	if err != nil {
		return "", r.cause(ctx, err)
	}
	svg, ok := got.(string)
	if !ok || !strings.HasPrefix(svg, "<svg") {
		return "", fmt.Errorf("the script gave no SVG")
	}
	return svg, nil
}

// cause tells a chart that took too long from one that was called off and one that is wrong.
func (r *Renderer) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if strings.Contains(err.Error(), "interrupted") {
		return fmt.Errorf("it took longer than %s: %w", r.timeout, err)
	}
	return err
}
