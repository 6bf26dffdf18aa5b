// Command health reads a JSON array of Kubernetes objects and prints what GitOps tools say of each, in the same order.
//
//	health script.lua checks.json < objects.json
//
// The script is a health check of Argo CD, and the checks are the healthCheckExprs of a Kustomization of Flux.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

// Health is what each tool says of an object.
type Health struct {
	// Kstatus is for Helm, and for Flux without expressions.
	Kstatus Report `json:"kstatus"`
	// Flux is for Flux with its expressions.
	Flux   Report `json:"flux"`
	ArgoCD Report `json:"argoCD"`
}

// Report is the status that a tool shows, and why.
type Report struct {
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fail(errors.New("usage: health script.lua checks.json < objects.json"))
	}
	list, err := assess(os.Args[1], os.Args[2], os.Stdin)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(list); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func assess(script, checks string, objects io.Reader) ([]Health, error) {
	evaluators, err := readChecks(checks)
	if err != nil {
		return nil, err
	}
	var items []json.RawMessage
	if err := json.NewDecoder(objects).Decode(&items); err != nil {
		return nil, err
	}
	list := make([]Health, 0, len(items))
	for _, item := range items {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(item); err != nil {
			return nil, err
		}
		health, err := healthOf(object, script, evaluators)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		list = append(list, health)
	}
	return list, nil
}

func healthOf(object *unstructured.Unstructured, script string, evaluators map[string]*cel.StatusEvaluator) (Health, error) {
	computed, err := status.Compute(object)
	if err != nil {
		return Health{}, err
	}
	evaluator, ok := evaluators[key(object.GetAPIVersion(), object.GetKind())]
	if !ok {
		return Health{}, errors.New("there are no expressions for its kind")
	}
	evaluated, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return Health{}, err
	}
	scripted, err := argoCD(object, script)
	if err != nil {
		return Health{}, err
	}
	return Health{
		Kstatus: Report{computed.Status.String(), computed.Message},
		Flux:    Report{evaluated.Status.String(), evaluated.Message},
		ArgoCD:  scripted,
	}, nil
}

func key(apiVersion, kind string) string {
	return apiVersion + " " + kind
}

// readChecks returns Flux' evaluators by the kind that they are for.
func readChecks(file string) (map[string]*cel.StatusEvaluator, error) {
	content, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	decoder := json.NewDecoder(content)
	decoder.DisallowUnknownFields()
	var checks []kustomize.CustomHealthCheck
	if err := decoder.Decode(&checks); err != nil {
		return nil, err
	}
	evaluators := map[string]*cel.StatusEvaluator{}
	for _, check := range checks {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, err
		}
		evaluators[key(check.APIVersion, check.Kind)] = evaluator
	}
	return evaluators, nil
}

// argoCD runs a script as Argo CD does: not for an object that is being deleted, and without the libraries of Lua except the
// base and that of tables.
func argoCD(object *unstructured.Unstructured, script string) (Report, error) {
	if object.GetDeletionTimestamp() != nil {
		return Report{"Progressing", "Pending deletion"}, nil
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	lua.OpenBase(state)
	lua.OpenTable(state)
	text, err := object.MarshalJSON()
	if err != nil {
		return Report{}, err
	}
	value, err := luajson.Decode(state, text)
	if err != nil {
		return Report{}, err
	}
	state.SetGlobal("obj", value)
	if err := state.DoFile(script); err != nil {
		return Report{}, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return Report{}, errors.New("the script returns no table")
	}
	returned, err := luajson.Encode(table)
	if err != nil {
		return Report{}, err
	}
	var report Report
	if err := json.Unmarshal(returned, &report); err != nil {
		return Report{}, err
	}
	switch report.Status {
	case "Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown":
		return report, nil
	}
	return Report{}, fmt.Errorf("the script returns %q, which is no status of Argo CD", report.Status)
}
