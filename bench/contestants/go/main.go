// What a sync costs in Go: a server that parses the request and writes a prepared response.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
)

func main() {
	content, err := os.ReadFile(os.Getenv("RESPONSE"))
	if err != nil {
		log.Fatal(err)
	}
	length := strconv.Itoa(len(content))
	handler := func(response http.ResponseWriter, request *http.Request) {
		text, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		var body map[string]any
		if err := json.Unmarshal(text, &body); err != nil || body["parent"] == nil {
			http.Error(response, "not a request of Metacontroller", http.StatusBadRequest)
			return
		}
		response.Header().Set("content-type", "application/json; charset=utf-8")
		response.Header().Set("content-length", length)
		response.Write(content)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(handler)))
}
